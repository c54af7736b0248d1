local ROUNDS = 12000

local function run(rounds)
    local stock = {}
    for i = 0, 499 do stock["item" .. i] = i end
    local sum = 0
    for _ = 1, rounds do
        for item in pairs(stock) do
            local amount = stock[item]
            sum = sum + amount
            stock[item] = (amount * 5 + 3) % 1009
        end
        sum = sum % 1000003
    end
    return sum
end

print("checksum " .. run(ROUNDS))
