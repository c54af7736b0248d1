local ROUNDS = 12000

local function mapped(list, f)
    local out = {}
    for _, x in ipairs(list) do out[#out + 1] = f(x) end
    return out
end

local function filtered(list, keep)
    local out = {}
    for _, x in ipairs(list) do
        if keep(x) then out[#out + 1] = x end
    end
    return out
end

local function folded(list, start, combine)
    local result = start
    for _, x in ipairs(list) do result = combine(result, x) end
    return result
end

local function run(rounds)
    local numbers = {}
    for i = 0, 199 do numbers[i + 1] = i * 37 % 1009 end
    local sum = 0
    for r = 0, rounds - 1 do
        local odd = filtered(numbers, function(x) return (x + r) % 2 == 1 end)
        local squares = mapped(odd, function(x) return x * x % 1009 end)
        sum = folded(squares, sum, function(total, x) return (total + x) % 1000003 end)
    end
    return sum
end

print("checksum " .. run(ROUNDS))
