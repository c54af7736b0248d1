local ROUNDS = 160

local function split(text, separator)
    local parts = {}
    local from = 1
    for i = 1, #text do
        if text:sub(i, i) == separator then
            parts[#parts + 1] = text:sub(from, i - 1)
            from = i + 1
        end
    end
    parts[#parts + 1] = text:sub(from)
    return parts
end

local function run(rounds)
    local text = "first"
    local seed = 7
    for _ = 1, 4000 do
        seed = seed * 16807 % 2147483647
        text = text .. " w" .. seed % 100000
    end
    local sum = 0
    for _ = 1, rounds do
        for at, part in ipairs(split(text, " ")) do
            sum = (sum + #part * at) % 1000003
        end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
