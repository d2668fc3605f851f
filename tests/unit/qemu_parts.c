/* qemu/args: parts of one device, and the two forms of a part. */
#include "unit.h"

#include "qemu/args/args.h"
#include "qemu/args/parts.h"

static char *
added(const Part *part)
{
    json_object *arguments = NULL;
    const char *command = part_add(part, &arguments);
    char *text = g_strdup_printf(
        "%s %s", command,
        json_object_to_json_string_ext(arguments,
                                       JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

    json_object_put(arguments);
    return text;
}

static char *
said(const Part *part)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    part_argv(part, argv);
    assert_int_equal(argv->len, 2);
    return g_strdup_printf("%s %s", (char *)argv->pdata[0], (char *)argv->pdata[1]);
}

/* What it is made from, the option, the command. Taken from qemu-options and the QAPI schema. */
static const struct {
    PartVerb verb;
    const char *props, *argv, *qmp;
} forms[] = {
    { ADD_CHARDEV, "{\"backend\":\"null\",\"id\":\"c0\"}", "-chardev null,id=c0",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"null\",\"data\":{}}}" },
    { ADD_CHARDEV,
      "{\"backend\":\"socket\",\"id\":\"c0\",\"path\":\"/a,b\",\"server\":true,\"wait\":false}",
      "-chardev socket,id=c0,path=/a,,b,server=on,wait=off",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":"
      "\"unix\",\"data\":{\"path\":\"/a,b\"}},\"server\":true,\"wait\":false}}}" },
    { ADD_CHARDEV,
      "{\"backend\":\"socket\",\"id\":\"c0\",\"host\":\"::1\",\"port\":\"99\",\"reconnect\":2}",
      "-chardev socket,id=c0,host=::1,port=99,reconnect=2",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":"
      "\"inet\",\"data\":{\"host\":\"::1\",\"port\":\"99\"}},\"reconnect\":2,"
      "\"server\":false}}}" },
    { ADD_CHARDEV, "{\"backend\":\"socket\",\"id\":\"c0\",\"fd\":7}", "-chardev socket,id=c0,fd=7",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":"
      "\"fd\",\"data\":{\"str\":\"7\"}},\"server\":false}}}" },
    { ADD_CHARDEV,
      "{\"backend\":\"udp\",\"id\":\"c0\",\"host\":\"h\",\"port\":\"1\",\"localaddr\":\"l\","
      "\"localport\":\"0\"}",
      "-chardev udp,id=c0,host=h,port=1,localaddr=l,localport=0",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"udp\",\"data\":{\"remote\":{\"type\":"
      "\"inet\",\"data\":{\"host\":\"h\",\"port\":\"1\"}},\"local\":{\"type\":\"inet\",\"data\":{"
      "\"host\":\"l\",\"port\":\"0\"}}}}}" },
    { ADD_CHARDEV,
      "{\"backend\":\"file\",\"id\":\"c0\",\"path\":\"/f\",\"append\":true,\"logfile\":\"/l\"}",
      "-chardev file,id=c0,path=/f,append=on,logfile=/l",
      "chardev-add {\"id\":\"c0\",\"backend\":{\"type\":\"file\",\"data\":{\"out\":\"/f\","
      "\"append\":true,\"logfile\":\"/l\"}}}" },
    { ADD_OBJECT, "{\"qom-type\":\"rng-builtin\",\"id\":\"o0\"}",
      "-object {\"qom-type\":\"rng-builtin\",\"id\":\"o0\"}",
      "object-add {\"qom-type\":\"rng-builtin\",\"id\":\"o0\"}" },
    { ADD_NETDEV, "{\"type\":\"user\",\"id\":\"n0\"}", "-netdev {\"type\":\"user\",\"id\":\"n0\"}",
      "netdev_add {\"type\":\"user\",\"id\":\"n0\"}" },
    { ADD_BLOCKDEV, "{\"driver\":\"null-co\",\"node-name\":\"b0\"}",
      "-blockdev {\"driver\":\"null-co\",\"node-name\":\"b0\"}",
      "blockdev-add {\"driver\":\"null-co\",\"node-name\":\"b0\"}" },
    { ADD_DEVICE, "{\"driver\":\"usb-kbd\",\"id\":\"d0\"}",
      "-device {\"driver\":\"usb-kbd\",\"id\":\"d0\"}",
      "device_add {\"driver\":\"usb-kbd\",\"id\":\"d0\"}" },
};

static void
a_part_has_two_forms(void **state)
{
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autoptr(Part) part = part_new(forms[i].verb, json_tokener_parse(forms[i].props));
        g_autofree char *argv = said(part), *qmp = added(part);

        assert_string_equal(argv, forms[i].argv);
        assert_string_equal(qmp, forms[i].qmp);
    }
}

static void
a_part_goes_by_its_name(void **state)
{
    g_autoptr(Part) node = part_new(
        ADD_BLOCKDEV, json_tokener_parse("{\"driver\":\"null-co\",\"node-name\":\"b0\"}"));
    g_autoptr(Part)
        device = part_new(ADD_DEVICE, json_tokener_parse("{\"driver\":\"usb-kbd\",\"id\":\"d0\"}"));
    json_object *arguments = NULL;

    assert_string_equal(part_id(node), "b0");
    assert_string_equal(part_remove(node, &arguments), "blockdev-del");
    assert_string_equal(json_str(arguments, "node-name"), "b0");
    json_object_put(arguments);
    assert_string_equal(part_remove(device, &arguments), "device_del");
    assert_string_equal(json_str(arguments, "id"), "d0");
    json_object_put(arguments);
}

/* ---- of a definition */

#define DOMAIN(devices)                                                                            \
    "<domain type='qemu'><name>p</name><memory>65536</memory>"                                     \
    "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"                                \
    "<controller type='pci' index='0' model='pci-root'/>" devices "</devices></domain>"

static GPtrArray *
parts_of(const DomainDef *def, const void *device, GError **err)
{
    g_autoptr(Emulator) e = emulator_new("/nowhere");
    ArgsIn in = { .def = def, .emulator = e, .monitor_fd = -1, .run_dir = "/run/p" };

    return args_parts(&in, device, err);
}

static DomainDef *
parse(const char *xml)
{
    g_autoptr(GError) err = NULL;
    DomainDef *def = domain_parse(xml, -1, DEF_BARE, NULL, &err);

    assert_null(err);
    aliases_assign(def, "/run/p");
    return def;
}

static void
one_device_gives_its_parts(void **state)
{
    DomainDef *def = parse(DOMAIN("<rng model='virtio'><backend model='builtin'/>"
                                  "<address type='pci' slot='4'/></rng>"
                                  "<rng model='virtio'><backend model='builtin'/>"
                                  "<address type='pci' slot='5'/></rng>"
                                  "<input type='tablet' bus='usb'>"
                                  "<address type='usb' bus='0' port='1'/></input>"));
    g_autoptr(GError) err = NULL;
    g_autoptr(GPtrArray) parts = parts_of(def, def->devices.rngs->pdata[1], &err);

    assert_null(err);
    assert_int_equal(parts->len, 2);
    assert_int_equal(((Part *)parts->pdata[0])->verb, ADD_OBJECT);
    assert_string_equal(part_id(parts->pdata[0]), "objrng1");
    assert_int_equal(((Part *)parts->pdata[1])->verb, ADD_DEVICE);
    assert_string_equal(part_id(parts->pdata[1]), "rng1");
    domain_free(def);
}

static void
what_comes_with_the_machine_is_refused(void **state)
{
    DomainDef *def = parse(DOMAIN("<input type='mouse' bus='ps2'/>"
                                  "<filesystem><source dir='/s'/><target dir='t'/>"
                                  "<address type='pci' slot='4'/></filesystem>"));
    g_autoptr(GError) board = NULL, start = NULL;

    assert_null(parts_of(def, def->devices.inputs->pdata[0], &board));
    assert_true(strstr(board->message, "belongs to the machine"));
    assert_null(parts_of(def, def->devices.filesystems->pdata[0], &start));
    assert_true(strstr(start->message, "only when it starts (-fsdev)"));
    domain_free(def);
}

#define DISK(file, dev)                                                                            \
    "<disk type='file'><source file='" file "'/><target dev='" dev "' bus='virtio'/>"              \
    "<address type='pci' slot='9'/></disk>"
#define RNG "<rng model='virtio'><backend model='builtin'/><address type='pci' slot='4'/></rng>"

static gpointer
list_remove_first(GPtrArray **list)
{
    gpointer item = (*list)->pdata[0];

    list_remove(list, 0);
    return item;
}

static void
what_comes_later_gets_names_that_nobody_has(void **state)
{
    DomainDef *now = parse(DOMAIN(DISK("/a", "vda") DISK("/b", "vdb") RNG RNG RNG));
    g_autoptr(GError) err = NULL;
    DomainDef *live = domain_copy(now), *more;
    Devices *d = &live->devices;
    DiskDef *disk;

    domain_remove_alias(live, "rng1");
    more = domain_parse(DOMAIN(DISK("/c", "vdc") RNG
                               "<channel type='unix'><target type='virtio' name='x'/></channel>"),
                        -1, DEF_BARE, NULL, &err);
    assert_null(err);
    list_append(&d->disks, list_remove_first(&more->devices.disks));
    list_append(&d->rngs, list_remove_first(&more->devices.rngs));
    list_append(&d->channels, list_remove_first(&more->devices.channels));
    aliases_add(live, now, "/run/p");
    aliases_add(live, now, "/run/p"); /* twice is as once */
    disk = d->disks->pdata[2];
    assert_string_equal(disk->info.alias, "virtio-disk2");
    assert_int_equal(disk->source.index, 3);
    assert_int_equal(((DiskDef *)d->disks->pdata[0])->source.index, 2);
    assert_string_equal(((RngDef *)d->rngs->pdata[2])->info.alias, "rng3");
    assert_string_equal(char_end_need(&((CharDef *)d->channels->pdata[0])->source)->path,
                        "/run/p/plug-channel0");
    domain_free(more);
    domain_free(live);
    domain_free(now);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_has_two_forms),
        cmocka_unit_test(a_part_goes_by_its_name),
        cmocka_unit_test(one_device_gives_its_parts),
        cmocka_unit_test(what_comes_with_the_machine_is_refused),
        cmocka_unit_test(what_comes_later_gets_names_that_nobody_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
