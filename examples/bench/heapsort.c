#include <stdio.h>

enum { ROUNDS = 48 };
enum { SIZE = 10000 };

static void sift(int *heap, int from, int size) {
    int value = heap[from], at = from;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= size) break;
        if (child + 1 < size && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= value) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

static void sort(int *list, int size) {
    for (int i = size / 2 - 1; i >= 0; i--) sift(list, i, size);
    for (int end = size - 1; end > 0; end--) {
        int largest = list[0];
        list[0] = list[end];
        list[end] = largest;
        sift(list, 0, end);
    }
}

int main(void) {
    static int list[SIZE];
    long long seed = 12345, sum = 0;
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < SIZE; i++) {
            seed = seed * 16807 % 2147483647;
            list[i] = (int)(seed % 100000);
        }
        sort(list, SIZE);
        for (int i = 0; i < SIZE; i += 100) sum = (sum * 7 + list[i]) % 1000003;
    }
    printf("checksum %lld\n", sum);
}
