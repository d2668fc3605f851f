/* Any bytes as an image of every format: a head that is read has names that are text, and what it
 * is taken for can be read as that or is an error. */
#include "storage/storage.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check_name(const char *name)
{
    g_assert_true(!name || g_utf8_validate(name, -1, NULL));
}

static void
read_as(int fd, int format)
{
    g_autoptr(GError) err = NULL;
    g_auto(ImageHead) head = { 0 };

    if (!image_read(fd, format, "image", &head, &err)) {
        g_assert_nonnull(err);
        return;
    }
    check_name(head.backing);
    check_name(head.backing_format);
    check_name(head.data_file);
    check_name(head.extent);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("image", MFD_CLOEXEC);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        return 0;
    image_probe(fd);
    for (int format = FORMAT_NONE; format <= FORMAT_LUKS; format++)
        read_as(fd, format);
    return 0;
}
