/* Heads of images as an enemy would write them: whom they name is found in every format, and what
 * makes no sense is an error, soon. */
#include "storage/storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define BYTES 65536

typedef struct Image {
    guint8 bytes[BYTES];
    gsize len; /* of the file */
} Image;

static void
put(Image *i, gsize at, guint64 value, guint bytes, gboolean big)
{
    for (guint n = 0; n < bytes; n++)
        i->bytes[at + (big ? bytes - 1 - n : n)] = (guint8)(value >> 8 * n);
}

static void
put_text(Image *i, gsize at, const char *text)
{
    memcpy(i->bytes + at, text, strlen(text));
}

static int
file_of(const Image *i)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, i->bytes, i->len), i->len);
    return fd;
}

static void
reads(const Image *i, int format, ImageHead *ret_head)
{
    fd_auto fd = file_of(i);
    g_autoptr(GError) err = NULL;

    if (!image_read(fd, format, "x", ret_head, &err))
        unit_fail("%s\n", err->message);
}

static void
refuses(const Image *i, int format, const char *why)
{
    fd_auto fd = file_of(i);
    g_autoptr(GError) err = NULL;
    ImageHead head;

    assert_false(image_read(fd, format, "x", &head, &err));
    if (!strstr(err->message, why))
        unit_fail("'%s' does not say '%s'\n", err->message, why);
}

static void
probed_as(const Image *i, int format)
{
    fd_auto fd = file_of(i);

    assert_int_equal(image_probe(fd), format);
}

/* ---- qcow2 */

enum { NAME_AT = 512, BACKING_FORMAT = 0xe2792aca, DATA_FILE = 0x44415441 };

static Image
qcow2(guint32 version)
{
    Image i = { .len = BYTES };

    put_text(&i, 0, "QFI\xfb");
    put(&i, 4, version, 4, TRUE);
    put(&i, 20, 16, 4, TRUE);
    put(&i, 24, 8 << 20, 8, TRUE);
    put(&i, 100, version == 3 ? 104 : 0, 4, TRUE);
    return i;
}

static void
set_backing(Image *i, const char *name)
{
    put(i, 8, NAME_AT, 8, TRUE);
    put(i, 16, strlen(name), 4, TRUE);
    put_text(i, NAME_AT, name);
}

static gsize
add_extension(Image *i, gsize at, guint32 type, const char *text)
{
    put(i, at, type, 4, TRUE);
    put(i, at + 4, strlen(text), 4, TRUE);
    put_text(i, at + 8, text);
    return at + 8 + (strlen(text) + 7) / 8 * 8;
}

static void
a_plain_qcow2_names_nobody(void **state)
{
    for (guint32 version = 2; version <= 3; version++) {
        Image i = qcow2(version);
        g_auto(ImageHead) head = { 0 };

        probed_as(&i, FORMAT_QCOW2);
        reads(&i, FORMAT_QCOW2, &head);
        assert_int_equal(head.capacity, 8 << 20);
        assert_null(head.backing);
        assert_false(head.has_data);
    }
}

static void
a_qcow2_names_what_is_below_and_its_format(void **state)
{
    for (guint32 version = 2; version <= 3; version++) {
        Image i = qcow2(version);
        g_auto(ImageHead) head = { 0 };

        set_backing(&i, "json:{\"driver\":\"raw\"}");
        add_extension(&i, version == 3 ? 104 : 72, BACKING_FORMAT, "qcow2");
        reads(&i, FORMAT_QCOW2, &head);
        assert_string_equal(head.backing, "json:{\"driver\":\"raw\"}");
        assert_string_equal(head.backing_format, "qcow2");
    }
}

/* Behind an extension that nobody knows; the last of two counts, as for QEMU. */
static void
a_data_file_is_found_wherever_it_is(void **state)
{
    Image i = qcow2(3);
    g_auto(ImageHead) head = { 0 };
    gsize at = add_extension(&i, 104, 0x12345678, "0123456789abcdef0");

    at = add_extension(&i, at, DATA_FILE, "/harmless");
    add_extension(&i, at, DATA_FILE, "/etc/shadow");
    put(&i, 72, 4, 8, TRUE);
    reads(&i, FORMAT_QCOW2, &head);
    assert_true(head.has_data);
    assert_string_equal(head.data_file, "/etc/shadow");
}

static void
a_data_file_without_a_name_is_one(void **state)
{
    Image i = qcow2(3);
    g_auto(ImageHead) head = { 0 };

    put(&i, 72, 4, 8, TRUE);
    reads(&i, FORMAT_QCOW2, &head);
    assert_true(head.has_data);
    assert_null(head.data_file);
}

static void
heads_that_lie_are_refused(void **state)
{
    static const struct {
        gsize at;
        guint64 value;
        guint bytes;
        const char *why;
    } lies[] = {
        { 4, 9, 4, "version" },
        { 20, 63, 4, "clusters" },
        { 20, 0, 4, "clusters" },
        { 24, G_MAXUINT64, 8, "larger than a disk" },
        { 8, G_MAXUINT64, 8, "not where it should be" },
        { 100, 0, 4, "makes no sense" },
        { 100, G_MAXUINT32, 4, "makes no sense" },
        { 108, G_MAXUINT32, 4, "larger than the head" }, /* of an extension */
    };

    for (gsize n = 0; n < G_N_ELEMENTS(lies); n++) {
        Image i = qcow2(3);

        add_extension(&i, 104, 1, "x");
        put(&i, lies[n].at, lies[n].value, lies[n].bytes, TRUE);
        refuses(&i, FORMAT_QCOW2, lies[n].why);
    }
}

static void
names_that_lie_are_refused(void **state)
{
    Image i = qcow2(3);

    set_backing(&i, "x");
    put(&i, 16, 1024, 4, TRUE);
    refuses(&i, FORMAT_QCOW2, "more than 1023 bytes");
    i.len = NAME_AT;
    put(&i, 16, 100, 4, TRUE);
    refuses(&i, FORMAT_QCOW2, "cut short");
    i = qcow2(3);
    set_backing(&i, "a\nb");
    refuses(&i, FORMAT_QCOW2, "no text");
    i = qcow2(3);
    set_backing(&i, "a\xff");
    refuses(&i, FORMAT_QCOW2, "no text");
}

static void
extensions_without_an_end_are_refused(void **state)
{
    Image i = qcow2(3);

    for (gsize at = 104; at + 8 < BYTES; at += 8)
        put(&i, at, 1, 4, TRUE);
    refuses(&i, FORMAT_QCOW2, "too many extensions");
}

/* ---- the others */

static void
a_qcow_names_what_is_below(void **state)
{
    Image i = qcow2(1);
    g_auto(ImageHead) head = { 0 };

    set_backing(&i, "/etc/shadow");
    put(&i, 36, 0, 4, TRUE);
    probed_as(&i, FORMAT_QCOW);
    reads(&i, FORMAT_QCOW, &head);
    assert_string_equal(head.backing, "/etc/shadow");
    assert_null(head.backing_format);
    refuses(&i, FORMAT_QCOW2, "not in qcow2 format");
}

static void
a_qed_names_what_is_below(void **state)
{
    Image i = { .len = BYTES };
    g_auto(ImageHead) head = { 0 };

    put_text(&i, 0, "QED");
    put(&i, 16, 5, 8, FALSE);
    put(&i, 48, 1 << 20, 8, FALSE);
    put(&i, 56, NAME_AT, 4, FALSE);
    put(&i, 60, strlen("/etc/shadow"), 4, FALSE);
    put_text(&i, NAME_AT, "/etc/shadow");
    probed_as(&i, FORMAT_QED);
    reads(&i, FORMAT_QED, &head);
    assert_string_equal(head.backing, "/etc/shadow");
    assert_string_equal(head.backing_format, "raw");
    put(&i, 60, G_MAXUINT32, 4, FALSE);
    refuses(&i, FORMAT_QED, "more than 1023 bytes");
}

#define DESCRIPTOR                                                                                 \
    "# Disk DescriptorFile\nversion=1\nparentFileNameHint=\"/below.vmdk\"\n"                       \
    "RW 2048 FLAT \"/etc/shadow\" 0\n"

static void
a_vmdk_descriptor_names_its_extents(void **state)
{
    Image i = { .len = BYTES };
    g_auto(ImageHead) head = { 0 };

    put_text(&i, 0, DESCRIPTOR);
    probed_as(&i, FORMAT_VMDK);
    reads(&i, FORMAT_VMDK, &head);
    assert_string_equal(head.extent, "/etc/shadow");
}

static void
a_sparse_vmdk_is_all_of_it_unless_it_has_no_capacity(void **state)
{
    Image i = { .len = BYTES };
    g_auto(ImageHead) one = { 0 }, two = { 0 };

    put_text(&i, 0, "KDMV");
    put(&i, 12, 2048, 8, FALSE);
    put(&i, 28, 1, 8, FALSE);
    put_text(&i, 512, DESCRIPTOR);
    probed_as(&i, FORMAT_VMDK);
    reads(&i, FORMAT_VMDK, &one);
    assert_null(one.extent);
    assert_int_equal(one.capacity, 1 << 20);
    assert_string_equal(one.backing, "/below.vmdk");
    assert_string_equal(one.backing_format, "vmdk");
    put(&i, 12, 0, 8, FALSE);
    reads(&i, FORMAT_VMDK, &two);
    assert_string_equal(two.extent, "/etc/shadow");
    put(&i, 28, G_MAXUINT64, 8, FALSE);
    refuses(&i, FORMAT_VMDK, "names no extent");
}

static void
differences_to_other_images_are_refused(void **state)
{
    Image vdi = { .len = BYTES }, vpc = { .len = BYTES };

    put(&vdi, 64, 0xbeda107f, 4, FALSE);
    put(&vdi, 76, 4, 4, FALSE);
    probed_as(&vdi, FORMAT_VDI);
    refuses(&vdi, FORMAT_VDI, "difference");
    put_text(&vpc, 0, "conectix");
    put(&vpc, 60, 4, 4, TRUE);
    probed_as(&vpc, FORMAT_VPC);
    refuses(&vpc, FORMAT_VPC, "difference");
}

static void
a_raw_disk_is_raw_whatever_is_in_it(void **state)
{
    Image i = qcow2(3);
    g_auto(ImageHead) head = { 0 };

    set_backing(&i, "/etc/shadow");
    reads(&i, FORMAT_RAW, &head);
    assert_null(head.backing);
    assert_int_equal(head.capacity, BYTES);
}

static void
heads_that_are_cut_short_are_refused(void **state)
{
    static const int all[] = { FORMAT_QCOW2, FORMAT_QCOW, FORMAT_QED,   FORMAT_VMDK, FORMAT_VDI,
                               FORMAT_VPC,   FORMAT_VHD,  FORMAT_PLOOP, FORMAT_LUKS };

    for (gsize n = 0; n < G_N_ELEMENTS(all); n++)
        for (gsize len = 0; len < 6; len++) {
            Image i = qcow2(2);

            i.len = len;
            refuses(&i, all[n], "x");
            probed_as(&i, FORMAT_RAW);
        }
    for (gsize len = 8; len < 104; len++) {
        Image i = qcow2(3);

        i.len = len;
        refuses(&i, FORMAT_QCOW2, "cut short");
    }
}

/* ---- opening */

static char *folder;

static int
set_up(void **state)
{
    folder = g_dir_make_tmp("vmd-unit-XXXXXX", NULL);
    return 0;
}

static int
tear_down(void **state)
{
    assert_true(dir_remove(folder, NULL));
    g_clear_pointer(&folder, g_free);
    return 0;
}

static void
only_what_may_be_an_image_is_opened(void **state)
{
    g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
    struct stat st;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(image_open(fifo, O_RDONLY, IMAGE_DEVICES, &st, NULL), -1);
    assert_int_equal(image_open(fifo, O_RDWR, IMAGE_DEVICES, &st, NULL), -1);
    assert_int_equal(image_open(folder, O_RDONLY, IMAGE_DEVICES, &st, NULL), -1);
    assert_int_equal(image_open("/dev/null", O_RDONLY, IMAGE_FILES, &st, NULL), -1);
    {
        fd_auto fd = image_open("/dev/null", O_RDONLY, IMAGE_DEVICES, &st, NULL);
        assert_true(fd >= 0);
    }
}

static void
names_that_are_no_files_are_told(void **state)
{
    static const char *const foreign[] = { "nbd:host:1", "json:{}",     "https://x/y",
                                           "fat:/etc",   "blkdebug::x", "nbd+unix:///x" };
    static const char *const files[] = { "file:x", "a/b:c", "/a:b", "plain", "" };

    for (gsize i = 0; i < G_N_ELEMENTS(foreign); i++)
        assert_true(image_name_is_foreign(foreign[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        assert_false(image_name_is_foreign(files[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_qcow2_names_nobody),
        cmocka_unit_test(a_qcow2_names_what_is_below_and_its_format),
        cmocka_unit_test(a_data_file_is_found_wherever_it_is),
        cmocka_unit_test(a_data_file_without_a_name_is_one),
        cmocka_unit_test(heads_that_lie_are_refused),
        cmocka_unit_test(names_that_lie_are_refused),
        cmocka_unit_test(extensions_without_an_end_are_refused),
        cmocka_unit_test(a_qcow_names_what_is_below),
        cmocka_unit_test(a_qed_names_what_is_below),
        cmocka_unit_test(a_vmdk_descriptor_names_its_extents),
        cmocka_unit_test(a_sparse_vmdk_is_all_of_it_unless_it_has_no_capacity),
        cmocka_unit_test(differences_to_other_images_are_refused),
        cmocka_unit_test(a_raw_disk_is_raw_whatever_is_in_it),
        cmocka_unit_test(heads_that_are_cut_short_are_refused),
        cmocka_unit_test_setup_teardown(only_what_may_be_an_image_is_opened, set_up, tear_down),
        cmocka_unit_test(names_that_are_no_files_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
