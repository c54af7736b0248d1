local ROUNDS = 100
local KEYS = 3000

local function insert(root, key)
    local at = root
    while at.key ~= key do
        if key < at.key then
            if at.left == nil then at.left = { key = key, count = 0 } end
            at = at.left
        else
            if at.right == nil then at.right = { key = key, count = 0 } end
            at = at.right
        end
    end
    at.count = at.count + 1
end

local function depths(node, depth)
    if node == nil then return 0 end
    return node.count * depth + depths(node.left, depth + 1) + depths(node.right, depth + 1)
end

local function run(rounds)
    local seed = 2024
    local sum = 0
    for _ = 1, rounds do
        local root = { key = 5000, count = 1 }
        for _ = 1, KEYS do
            seed = seed * 16807 % 2147483647
            insert(root, seed % 10000)
        end
        sum = sum + depths(root, 1)
    end
    return sum
end

print("checksum " .. run(ROUNDS))
