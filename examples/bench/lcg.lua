local ROUNDS = 10000000

local function run(rounds)
    local state = 1
    local low = 0
    for _ = 1, rounds do
        state = state * 950706 % 2147483647
        if state < 1073741824 then low = low + 1 end
    end
    return low + state % 1000003
end

print("checksum " .. run(ROUNDS))
