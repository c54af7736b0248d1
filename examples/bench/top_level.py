ROUNDS = 4000000

a = 0
b = 1
odd = 0
for i in range(ROUNDS):
    following = (a + b) % 1000003
    a = b
    b = following
    if b % 2 == 1:
        odd += 1

print("checksum", odd + b)
