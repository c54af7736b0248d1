local ROUNDS = 40

local function distance(a, b)
    local row = {}
    for j = 0, #b do row[j + 1] = j end
    for i = 1, #a do
        local diagonal = row[1]
        row[1] = i
        for j = 1, #b do
            local best = diagonal
            if a:sub(i, i) ~= b:sub(j, j) then best = best + 1 end
            if row[j + 1] + 1 < best then best = row[j + 1] + 1 end
            if row[j] + 1 < best then best = row[j] + 1 end
            diagonal = row[j + 1]
            row[j + 1] = best
        end
    end
    return row[#b + 1]
end

local function sample(size, seed)
    local text = ""
    for _ = 1, size do
        seed = seed * 16807 % 2147483647
        local at = seed % 4 + 1
        text = text .. ("acgt"):sub(at, at)
    end
    return text
end

local function run(rounds)
    local fixed = sample(250, 1)
    local sum = 0
    for r = 0, rounds - 1 do sum = sum + distance(fixed, sample(200, r + 2)) end
    return sum
end

print("checksum " .. run(ROUNDS))
