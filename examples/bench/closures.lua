local ROUNDS = 300000

local function counter(step)
    local count = 0
    return function()
        count = (count + step) % 10007
        return count
    end
end

local function compose(f, g)
    return function(x) return f(g(x)) end
end

local function run(rounds)
    local counters = {}
    for i = 1, 8 do counters[i] = counter(i) end
    local twice = function(x) return x * 2 end
    local offset = 17
    local both = compose(twice, function(x) return x + offset end)
    local sum = 0
    for r = 0, rounds - 1 do
        for _, advance in ipairs(counters) do sum = (sum + both(advance())) % 1000003 end
        local fresh = counter(r)
        fresh()
        sum = sum + fresh()
    end
    return sum % 1000003
end

print("checksum " .. run(ROUNDS))
