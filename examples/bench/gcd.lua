local ROUNDS = 5000

local function gcd(a, b)
    while b ~= 0 do
        a, b = b, a % b
    end
    return a
end

local function run(rounds)
    local sum = 0
    for i = 1, rounds do
        for j = 1, 500 do sum = sum + gcd(i, j) end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
