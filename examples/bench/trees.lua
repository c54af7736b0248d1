local ROUNDS = 1100

local function grow(depth, weight)
    if depth == 0 then return { weight = weight } end
    return {
        a = grow(depth - 1, weight + 1),
        b = grow(depth - 1, weight + 2),
        c = grow(depth - 1, weight + 3),
        weight = weight,
    }
end

local function weigh(node)
    if node.a == nil then return node.weight end
    return node.weight + weigh(node.a) + weigh(node.b) + weigh(node.c)
end

local function run(rounds)
    local kept = grow(9, 0)
    local sum = 0
    for r = 0, rounds - 1 do sum = (sum + weigh(grow(6, r))) % 1000003 end
    return sum + weigh(kept)
end

print("checksum " .. run(ROUNDS))
