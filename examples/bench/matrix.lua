local ROUNDS = 120
local SIZE = 50

local function fill(size, salt)
    local m = {}
    for i = 0, size * size - 1 do m[i + 1] = (i * salt % 17) * 0.125 end
    return m
end

local function multiply(a, b, out, size)
    for row = 0, size - 1 do
        local start = row * size
        for column = 1, size do
            local sum = 0.0
            local at = column
            for k = 1, size do
                sum = sum + a[start + k] * b[at]
                at = at + size
            end
            out[start + column] = sum
        end
    end
end

local function run(rounds)
    local a, b, product = fill(SIZE, 5), fill(SIZE, 11), fill(SIZE, 0)
    local trace = 0.0
    for r = 0, rounds - 1 do
        multiply(a, b, product, SIZE)
        trace = trace + product[r % SIZE * (SIZE + 1) + 1]
        a[r % SIZE + 1] = trace * 0.0001
    end
    return math.floor(trace * 1000.0)
end

print("checksum " .. run(ROUNDS))
