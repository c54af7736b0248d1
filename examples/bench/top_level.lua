ROUNDS = 4000000

a = 0
b = 1
odd = 0
for i = 1, ROUNDS do
    local sum = (a + b) % 1000003
    a = b
    b = sum
    if b % 2 == 1 then odd = odd + 1 end
end

print("checksum " .. odd + b)
