local ROUNDS = 24000

local function line(start)
    local text = ""
    for i = 0, 59 do
        if i > 0 then text = text .. "," end
        text = text .. (start + i) * 7
    end
    return text .. ";"
end

local function run(rounds)
    local sum = 0
    local last = ""
    for r = 0, rounds - 1 do
        local text = line(r % 500)
        if text == last then return -1 end
        sum = (sum + #text) % 1000003
        last = text
    end
    return sum
end

print("checksum " .. run(ROUNDS))
