local ROUNDS = 1000

local function run(rounds)
    local text = ""
    for i = 0, 99 do text = text .. "the quick brown fox " .. i .. " jumps over the lazy dog; " end
    local counts = {}
    local size = 0
    for _ = 1, rounds do
        for letter in text:gmatch(".") do
            if counts[letter] then
                counts[letter] = counts[letter] + 1
            else
                counts[letter] = 1
                size = size + 1
            end
        end
    end
    return counts["e"] * 100 + counts["9"] * 10 + counts["z"] + size
end

print("checksum " .. run(ROUNDS))
