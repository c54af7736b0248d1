#include <stdio.h>

int main(void) {
    puts("checksum 0");
}
