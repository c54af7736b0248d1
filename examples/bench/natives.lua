local ROUNDS = 150000

local function line(i)
    local level = "info"
    if i % 7 == 0 then level = "warning" end
    return string.rep("0", 6 - #tostring(i)) .. tostring(i) .. " " .. level .. ": took " .. tostring(i * 37 % 1000) .. " ms"
end

local function split(text, separator)
    local parts = {}
    local from = 1
    while true do
        local at = string.find(text, separator, from, true)
        if at == nil then
            parts[#parts + 1] = string.sub(text, from)
            return parts
        end
        parts[#parts + 1] = string.sub(text, from, at - 1)
        from = at + #separator
    end
end

local function run(rounds)
    local counts = {}
    local total = 0
    for i = 0, rounds - 1 do
        local text = line(i)
        local colon = string.find(text, ":", 1, true)
        local level = string.sub(text, 8, colon - 1)
        if counts[level] then
            counts[level] = counts[level] + 1
        else
            counts[level] = 1
        end
        if string.sub(level, 1, 4) == "warn" then total = total + tonumber(string.sub(text, 1, 6)) % 10 end
        local parts = split(string.sub(text, colon + 2), " ")
        total = total + tonumber(parts[2])
        if i % 1000 == 999 then
            total = total + counts["info"]
            counts["info"] = nil
        end
    end
    return total + counts["warning"]
end

print("checksum " .. run(ROUNDS))
