local ROUNDS = 120
local SIZE = 2000
local GAPS = { 701, 301, 132, 57, 23, 10, 4, 1 }

local function sort(list)
    for _, gap in ipairs(GAPS) do
        for i = gap + 1, #list do
            local value = list[i]
            local at = i
            while at > gap and list[at - gap] > value do
                list[at] = list[at - gap]
                at = at - gap
            end
            list[at] = value
        end
    end
end

local function run(rounds)
    local seed = 31
    local sum = 0
    for _ = 1, rounds do
        local names = {}
        for i = 1, SIZE do
            seed = seed * 16807 % 2147483647
            names[i] = "name-" .. seed % 50000
        end
        sort(names)
        for i = 1, SIZE - 1 do
            if names[i + 1] < names[i] then return -1 end
            sum = (sum + #names[i + 1] * i) % 1000003
        end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
