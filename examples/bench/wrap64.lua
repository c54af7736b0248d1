local ROUNDS = 10000000
-- LuaJIT's integers of 64 bits come from its ffi and mix with numbers; its literals are doubles, hence two halves.
local int64 = jit and require("ffi").typeof("int64_t") or math.tointeger

-- Division that truncates, for LuaJIT (where `/` does) and Lua 5.4 (where `//` would be floored, and is a new token).
local function quotient(a, b)
    if jit then return tonumber(a / b) end
    return a >= 0 and math.floor((a - a % b) / b) or -math.floor((-a - -a % b) / b)
end

local function run(rounds)
    local multiplier = int64(1481765933) * 4294967296 + 1284865837
    local increment = int64(335903614) * 4294967296 + 4150755663
    local state = int64(1)
    local negative = 0
    for _ = 1, rounds do
        state = state * multiplier + increment
        if state < 0 then negative = negative + 1 end
    end
    return negative + quotient(state, 1099511627776)
end

print("checksum " .. run(ROUNDS))
