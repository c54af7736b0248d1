local ROUNDS = 500000

local function add_to(self, amount)
    self.total = (self.total + amount) % 10007
    return self.total
end

local function scale_by(self, amount)
    self.total = (self.total * self.factor + amount) % 10007
    return self.total
end

local function adder()
    return { total = 0, apply = add_to }
end

local function scaler(factor)
    return { total = 1, factor = factor, apply = scale_by }
end

local function run(rounds)
    local objects = { adder(), scaler(3), adder(), scaler(7), scaler(11), adder() }
    local sum = 0
    for r = 0, rounds - 1 do
        for _, object in ipairs(objects) do sum = (sum + object.apply(object, r)) % 1000003 end
    end
    return sum
end

print("checksum " .. run(ROUNDS))
