/* A disk that takes VMD_TEST_SYNC_MS to confirm what was written: a library for LD_PRELOAD. The
 * data does get there, by the real fsync(2). */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
fsync(int fd)
{
    const char *said = getenv("VMD_TEST_SYNC_MS");
    long ms = said ? strtol(said, NULL, 10) : 0;
    struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&wait, NULL);
    return (int)syscall(SYS_fsync, fd);
}
