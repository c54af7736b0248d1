local ROUNDS = 2400
local WIDTH = 160

local function stay(x, y, cx, cy)
    for n = 0, 79 do
        local xx = x * x
        local yy = y * y
        if xx + yy > 4.0 then return n end
        y = 2.0 * x * y + cy
        x = xx - yy + cx
    end
    return 80
end

local function run(rounds)
    local sum = 0
    for row = 0, rounds - 1 do
        local y = (row % 120) * 0.015625 - 0.9375
        local cx = (row % 8) * 0.03125 - 0.875
        for column = 0, WIDTH - 1 do
            sum = sum + stay(column * 0.01953125 - 1.5625, y, cx, 0.15625)
        end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
