/* Preloaded into a daemon whose wall clock is stepped by libfaketime, of which the kernel knows nothing.

   A timer that a step of the clock would cancel (TFD_TIMER_CANCEL_ON_SET) comes in a third of a second instead,
   as if the kernel had told of a step; whoever is woken by it looks at the clocks. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
{
    static const struct itimerspec soon = {.it_value = {.tv_nsec = 333333333}};

    if (flags & TFD_TIMER_CANCEL_ON_SET) {
        flags = 0;
        new_value = &soon;
    }
    return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
}
