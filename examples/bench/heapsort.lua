local ROUNDS = 48
local SIZE = 10000

local function sift(heap, from, size)
    local value = heap[from]
    local at = from
    while true do
        local child = 2 * at
        if child > size then break end
        if child < size and heap[child + 1] > heap[child] then child = child + 1 end
        if heap[child] <= value then break end
        heap[at] = heap[child]
        at = child
    end
    heap[at] = value
end

local function sort(list)
    local size = #list
    for i = math.floor(size / 2), 1, -1 do sift(list, i, size) end
    for last = size, 2, -1 do
        list[1], list[last] = list[last], list[1]
        sift(list, 1, last - 1)
    end
end

local function run(rounds)
    local seed = 12345
    local sum = 0
    for _ = 1, rounds do
        local list = {}
        for i = 1, SIZE do
            seed = seed * 16807 % 2147483647
            list[i] = seed % 100000
        end
        sort(list)
        for i = 1, SIZE, 100 do sum = (sum * 7 + list[i]) % 1000003 end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
