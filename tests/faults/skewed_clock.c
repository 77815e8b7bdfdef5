// A wall clock that is wrong by SKEW_SECONDS, for whatever is started with this library loaded before all others. Clocks
// that are not of the wall go right.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) {
        const char *skew = getenv("SKEW_SECONDS");
        time->tv_sec += skew ? strtol(skew, NULL, 10) : 0;
    }
    return (int)result;
}
