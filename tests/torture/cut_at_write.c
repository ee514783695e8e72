/* Preloaded into a charger: the power goes at the CUT_AT-th write below CUT_FOLDER.

   A write is every write, pwrite, ftruncate, fdatasync, fsync, unlink and rename. The one at which the power
   goes is half done; a sync is not done at all. Without CUT_AT, the number of writes goes to CUT_COUNTED at
   the end. With CUT_LOSES_UNSYNCED, what no sync had confirmed is undone first, as a disk with a lazy cache
   does it; SIGKILL alone loses nothing, because the page cache outlives the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct undo {
    struct undo *before;
    int fd;
    dev_t device;
    ino_t inode;
    off_t offset, size_before;
    size_t length;
    char content[];
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long count, cut_at = -1;
static int loses_unsynced;
static const char *folder;
static struct undo *newest;

__attribute__((constructor)) static void begin(void)
{
    folder = getenv("CUT_FOLDER");
    loses_unsynced = getenv("CUT_LOSES_UNSYNCED") != NULL;
    if (getenv("CUT_AT") != NULL)
        cut_at = atol(getenv("CUT_AT"));
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("CUT_COUNTED");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%ld\n", count);
        fclose(file);
    }
}

static int below(const char *path)
{
    return folder != NULL && path[0] == '/' && strncmp(path, folder, strlen(folder)) == 0;
}

static int ours(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = folder == NULL ? -1 : readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return below(path);
}

/* Takes the turn, which the caller gives back; true where the power goes now. */
static int due(void)
{
    pthread_mutex_lock(&turn);
    return ++count == cut_at;
}

static void power_goes(void)
{
    for (struct undo *one = loses_unsynced ? newest : NULL; one != NULL; one = one->before) {
        REAL(pwrite64)(one->fd, one->content, one->length, one->offset);
        REAL(ftruncate64)(one->fd, one->size_before);
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void remember(int fd, off_t offset, size_t length)
{
    struct stat file;
    if (!loses_unsynced || fstat(fd, &file) != 0)
        return;
    struct undo *one = malloc(sizeof *one + length);
    ssize_t old = pread64(fd, one->content, length, offset);
    *one = (struct undo){.before = newest, .fd = fd, .device = file.st_dev, .inode = file.st_ino,
                         .offset = offset, .size_before = file.st_size, .length = old < 0 ? 0 : old};
    newest = one;
}

static void confirm(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return;
    for (struct undo **link = &newest; *link != NULL;) {
        struct undo *one = *link;
        if (one->device == file.st_dev && one->inode == file.st_ino) {
            *link = one->before;
            free(one);
        } else
            link = &one->before;
    }
}

ssize_t pwrite64(int fd, const void *content, size_t length, off64_t offset)
{
    if (!ours(fd))
        return REAL(pwrite64)(fd, content, length, offset);
    int cut = due();
    remember(fd, offset, length);
    if (cut) {
        REAL(pwrite64)(fd, content, length / 2, offset);
        power_goes();
    }
    ssize_t written = REAL(pwrite64)(fd, content, length, offset);
    pthread_mutex_unlock(&turn);
    return written;
}

ssize_t pwrite(int fd, const void *content, size_t length, off_t offset)
{
    return pwrite64(fd, content, length, offset);
}

ssize_t write(int fd, const void *content, size_t length)
{
    if (!ours(fd))
        return REAL(write)(fd, content, length);
    if (due()) {
        REAL(write)(fd, content, length / 2);
        power_goes();
    }
    ssize_t written = REAL(write)(fd, content, length);
    pthread_mutex_unlock(&turn);
    return written;
}

int ftruncate64(int fd, off64_t length)
{
    if (!ours(fd))
        return REAL(ftruncate64)(fd, length);
    if (due())
        power_goes();
    int done = REAL(ftruncate64)(fd, length);
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

int fdatasync(int fd)
{
    if (!ours(fd))
        return REAL(fdatasync)(fd);
    if (due())
        power_goes();
    int done = REAL(fdatasync)(fd);
    if (done == 0)
        confirm(fd);
    pthread_mutex_unlock(&turn);
    return done;
}

int fsync(int fd)
{
    if (!ours(fd))
        return REAL(fsync)(fd);
    if (due())
        power_goes();
    int done = REAL(fsync)(fd);
    if (done == 0)
        confirm(fd);
    pthread_mutex_unlock(&turn);
    return done;
}

int unlink(const char *path)
{
    if (!below(path))
        return REAL(unlink)(path);
    if (due())
        power_goes();
    int done = REAL(unlink)(path);
    pthread_mutex_unlock(&turn);
    return done;
}

int rename(const char *from, const char *to)
{
    if (!below(from))
        return REAL(rename)(from, to);
    if (due())
        power_goes();
    int done = REAL(rename)(from, to);
    pthread_mutex_unlock(&turn);
    return done;
}
