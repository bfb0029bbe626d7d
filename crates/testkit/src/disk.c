/* A faulty disk: preloaded into a program, it lets writes or fsyncs fail below one folder, on command.
 *
 * The command is a file, $TESTKIT_DISK_COMMAND: `full` in it makes writes fail with ENOSPC, `write` with EIO, `fsync`
 * makes fsyncs fail with EIO; without the file all is well. $TESTKIT_DISK is the folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Whether what is done to this file fails with this word as the command. */
static int fails(int file, const char *word)
{
    const char *folder = getenv("TESTKIT_DISK"), *command = getenv("TESTKIT_DISK_COMMAND");
    char link[64], path[4096], text[16];
    ssize_t length;
    int before = errno, descriptor;
    if (!folder || !command)
        return 0;
    descriptor = open(command, O_RDONLY | O_CLOEXEC);
    errno = before;
    if (descriptor < 0)
        return 0;
    length = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    text[length < 0 ? 0 : length] = 0;
    errno = before;
    if (strcmp(text, word))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return !strncmp(path, folder, strlen(folder));
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAIL(word, error)            \
    if (fails(file, word)) {         \
        errno = error;               \
        return -1;                   \
    }

ssize_t write(int file, const void *bytes, size_t count)
{
    static __typeof__(&write) real;
    FAIL("full", ENOSPC)
    FAIL("write", EIO)
    if (!real)
        real = REAL(write);
    return real(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
    static __typeof__(&pwrite) real;
    FAIL("full", ENOSPC)
    FAIL("write", EIO)
    if (!real)
        real = REAL(pwrite);
    return real(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
    static __typeof__(&pwrite64) real;
    FAIL("full", ENOSPC)
    FAIL("write", EIO)
    if (!real)
        real = REAL(pwrite64);
    return real(file, bytes, count, at);
}

int fsync(int file)
{
    static __typeof__(&fsync) real;
    FAIL("fsync", EIO)
    if (!real)
        real = REAL(fsync);
    return real(file);
}

int fdatasync(int file)
{
    static __typeof__(&fdatasync) real;
    FAIL("fsync", EIO)
    if (!real)
        real = REAL(fdatasync);
    return real(file);
}
