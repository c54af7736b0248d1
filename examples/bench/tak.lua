local ROUNDS = 200

local function tak(x, y, z)
    if y >= x then return z end
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
end

local function run(rounds)
    local sum = 0
    for i = 0, rounds - 1 do sum = sum + tak(12, 7, i % 4) end
    return sum
end

print("checksum " .. run(ROUNDS))
