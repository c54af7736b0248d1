local ROUNDS = 10000

local function cycle(c)
    local seen = {}
    local x = c
    local step = 0
    while not seen[x] do
        seen[x] = step
        step = step + 1
        x = (x * x + c) % 40009
    end
    return step - seen[x]
end

local function run(rounds)
    local sum = 0
    for c = 1, rounds do sum = sum + cycle(c) end
    return sum
end

print("checksum " .. run(ROUNDS))
