local ROUNDS = 20000000

local function run(rounds)
    local sum, sign, odd = 0.0, 4.0, 1.0
    for _ = 1, rounds do
        sum = sum + sign / odd
        sign = -sign
        odd = odd + 2.0
    end
    return math.floor(sum * 100000000.0)
end

print("checksum " .. run(ROUNDS))
