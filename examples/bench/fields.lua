local ROUNDS = 30000

local function move(ball)
    ball.x = ball.x + ball.dx
    ball.y = ball.y + ball.dy
    if ball.x < 0 or ball.x > 1000 then
        ball.dx = -ball.dx
        ball.bounces = ball.bounces + 1
    end
    if ball.y < 0 or ball.y > 700 then
        ball.dy = -ball.dy
        ball.bounces = ball.bounces + 1
    end
end

local function run(rounds)
    local balls = {}
    for i = 0, 99 do
        balls[i + 1] = { x = i * 10, y = i * 7, dx = i % 13 - 6, dy = i % 11 - 5, bounces = 0 }
    end
    for _ = 1, rounds do
        for _, ball in ipairs(balls) do move(ball) end
    end
    local sum = 0
    for _, ball in ipairs(balls) do sum = (sum * 3 + ball.x + ball.y + ball.bounces) % 1000003 end
    return sum
end

print("checksum " .. run(ROUNDS))
