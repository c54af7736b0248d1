local ROUNDS = 1800000

local function run(rounds)
    local counts = {}
    local size = 0
    local seed = 99
    for _ = 1, rounds do
        seed = seed * 16807 % 2147483647
        local word = "word" .. seed % 700
        if counts[word] then
            counts[word] = counts[word] + 1
        else
            counts[word] = 1
            size = size + 1
        end
    end
    local sum = size
    for i = 0, 699 do
        local word = "word" .. i
        if counts[word] then sum = (sum + counts[word] * i) % 1000003 end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
