local ROUNDS = 24
local WIDTH = 4
local HEIGHT = 5
local STRIDE = 8
local MOVES = { -17, -15, -10, -6, 6, 10, 15, 17 }

local function tours(board, square, left)
    if left == 0 then return 1 end
    local found = 0
    board[square] = 1
    for _, move in ipairs(MOVES) do
        if board[square + move] == 0 then found = found + tours(board, square + move, left - 1) end
    end
    board[square] = 0
    return found
end

local function run(rounds)
    local board = {}
    for i = 0, STRIDE * (HEIGHT + 4) - 1 do
        local x = i % STRIDE - 2
        local y = math.floor(i / STRIDE) - 2
        board[i + 1] = (x >= 0 and x < WIDTH and y >= 0 and y < HEIGHT) and 0 or 1
    end
    local found = 0
    for r = 0, rounds - 1 do
        local start = (math.floor(r / WIDTH) % HEIGHT + 2) * STRIDE + r % WIDTH + 3
        found = found + tours(board, start, WIDTH * HEIGHT - 1)
    end
    return found
end

print("checksum " .. run(ROUNDS))
