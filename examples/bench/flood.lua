local ROUNDS = 140
local SIDE = 100

local function cave()
    local grid = {}
    local seed = 4711
    for i = 0, SIDE * SIDE - 1 do
        seed = seed * 16807 % 2147483647
        local x = i % SIDE
        local inside = x > 0 and x < SIDE - 1 and i > SIDE and i < SIDE * (SIDE - 1)
        grid[i + 1] = (inside and seed % 4 > 0) and 1 or 0
    end
    return grid
end

local function fill(grid, start, round)
    local stack = { start }
    local filled = 0
    while #stack > 0 do
        local at = table.remove(stack)
        if grid[at] ~= 0 and grid[at] ~= round then
            grid[at] = round
            filled = filled + 1
            stack[#stack + 1] = at - SIDE
            stack[#stack + 1] = at - 1
            stack[#stack + 1] = at + 1
            stack[#stack + 1] = at + SIDE
        end
    end
    return filled
end

local function run(rounds)
    local grid = cave()
    local sum = 0
    local middle = math.floor(SIDE * SIDE / 2) + 1
    for r = 0, rounds - 1 do sum = sum + fill(grid, middle + r % 20, r + 2) end
    return sum
end

print("checksum " .. run(ROUNDS))
