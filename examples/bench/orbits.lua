local ROUNDS = 300000
local sqrt = math.sqrt

local function move(p, dt)
    local d2 = p.x * p.x + p.y * p.y
    local pull = dt / (d2 * sqrt(d2))
    p.vx = p.vx - p.x * pull
    p.vy = p.vy - p.y * pull
    p.x = p.x + p.vx * dt
    p.y = p.y + p.vy * dt
end

local function run(rounds)
    local planets = {}
    for i = 1, 6 do planets[i] = { x = i * 1.0, y = 0.0, vx = 0.0, vy = 1.0 / sqrt(i * 1.0) } end
    for _ = 1, rounds do
        for _, p in ipairs(planets) do move(p, 0.001) end
    end
    local sum = 0.0
    for _, p in ipairs(planets) do sum = sum + (p.x * p.x + p.y * p.y) end
    return math.floor(sum * 100000.0)
end

print("checksum " .. run(ROUNDS))
