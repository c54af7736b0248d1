local ROUNDS = 60
local SIZE = 60000

-- The factor of n stands at n + 1.
local function smallest_factors(size)
    local factor = {}
    for i = 1, size do factor[i] = 0 end
    for p = 2, size - 1 do
        if factor[p + 1] == 0 then
            for k = p + 1, size, p do
                if factor[k] == 0 then factor[k] = p end
            end
        end
    end
    return factor
end

local function run(rounds)
    local sum = 0
    for r = 0, rounds - 1 do
        local factor = smallest_factors(SIZE - r)
        for _, f in ipairs(factor) do sum = (sum + f) % 1000003 end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
