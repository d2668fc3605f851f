/* What clients ask of the agent in a guest (QEMU's guest agent protocol reference), and the
 * addresses that the host knows without one. What an agent says may be anything: of a wrong type,
 * without end (guest.c bounds that), untrue. Here its form is checked; nothing is believed.
 */
#include <string.h>

#include "host/host.h"
#include "ops.h"

/* Long enough for what the guest only has to look up. */
#define SOON      10
#define NAMES_MAX 2048

/* ---- a talk */

static void
answer_done(VmGuestAnswer *a)
{
    g_clear_pointer(&a->list, g_ptr_array_unref);
    params_done(&a->params);
}

static void
talk_end(GuestTalk *t, const GError *err)
{
    t->done(err ? NULL : &t->answer, err, t->user);
    answer_done(&t->answer);
    if (t->free_data)
        t->free_data(t->data);
    object_unref(t->vm);
    g_free(t);
}

GuestTalk *
guest_talk(Vm *vm, VmGuestDone done, gpointer user)
{
    GuestTalk *t = g_new0(GuestTalk, 1);

    t->vm = object_ref(vm);
    t->done = done;
    t->user = user;
    params_init(&t->answer.params);
    return t;
}

void
guest_refuse(GuestTalk *t, GError *err)
{
    talk_end(t, err);
    g_error_free(err);
}

static void
on_answer(Vm *vm, json_object *ret, const GError *err, gpointer user)
{
    GuestTalk *t = user;
    const GuestKind *kind = t->kind;
    g_autoptr(GError) wrong = NULL;
    StepResult r = STEP_DONE;

    if (err && error_is(err, ERR_AGENT_CANNOT) && kind->cannot)
        r = kind->cannot(t, &wrong);
    else if (err)
        wrong = g_error_copy(err);
    else if (kind->read)
        r = kind->read(t, ret, &wrong);
    if (wrong || r != STEP_WAIT)
        talk_end(t, wrong);
}

void
guest_ask(GuestTalk *t, const GuestKind *kind, json_object *args)
{
    GuestCall call = { kind->command, args, kind->seconds, kind->flags };

    t->kind = kind;
    guest_call(t->vm, &call, on_answer, t);
}

static void
ask(Vm *vm, const GuestKind *kind, json_object *args, VmGuestDone done, gpointer user)
{
    guest_ask(guest_talk(vm, done, user), kind, args);
}

gboolean
guest_text(json_object *o, const char *path, const char **ret_text, GError **err)
{
    *ret_text = json_str(o, path);
    return *ret_text || fail(err, ERR_INTERNAL, "the guest agent's answer has no text '%s'", path);
}

gboolean
guest_array(json_object *o, const char *what, guint most, GError **err)
{
    if (!json_object_is_type(o, json_type_array))
        return fail(err, ERR_INTERNAL, "the guest agent's answer is no list of %s", what);
    return json_object_array_length(o) <= most ||
           fail(err, ERR_INTERNAL, "the guest agent tells of %zu %s, and %u are as many as can be",
                json_object_array_length(o), what, most);
}

gboolean
vm_guest_set_timeout(Vm *vm, int seconds, GError **err)
{
    enum { DEFAULT = -1, DEFAULT_S = 5 };

    if (seconds < GUEST_SECONDS_BLOCK)
        return fail(err, ERR_INVALID_ARG, "guest agent timeout '%d' is less than the minimum '%d'",
                    seconds, GUEST_SECONDS_BLOCK);
    vm->guest_seconds = seconds == DEFAULT ? DEFAULT_S : seconds;
    if (vm->run)
        vm_save_soon(vm);
    return TRUE;
}

/* ---- name and time */

static StepResult
read_hostname(GuestTalk *t, json_object *ret, GError **err)
{
    return step_of(guest_text(ret, "host-name", &t->answer.text, err));
}

void
vm_guest_hostname(Vm *vm, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-get-host-name", SOON, 0, read_hostname };

    ask(vm, &kind, NULL, done, user);
}

static StepResult
read_time(GuestTalk *t, json_object *ret, GError **err)
{
    const gint64 second = 1000000000;
    gint64 ns;

    if (!json_object_is_type(ret, json_type_int))
        return step_of(fail(err, ERR_INTERNAL, "the guest agent's answer is no time"));
    ns = json_object_get_int64(ret);
    t->answer.number = ns / second;
    t->answer.nanoseconds = (guint)ABS(ns % second);
    return STEP_DONE;
}

void
vm_guest_time(Vm *vm, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-get-time", SOON, 0, read_time };

    ask(vm, &kind, NULL, done, user);
}

/* The clock interrupts that the guest has missed are not made up for: it knows the time now. */
static StepResult
after_set_time(GuestTalk *t, json_object *ret, GError **err)
{
    if (t->vm->run)
        qmp_call(t->vm->run->qmp, "rtc-reset-reinjection", NULL, NULL, NULL);
    return STEP_DONE;
}

void
vm_guest_set_time(Vm *vm, gint64 seconds, guint nanoseconds, gboolean sync, VmGuestDone done,
                  gpointer user)
{
    static const GuestKind kind = { "guest-set-time", 60, 0, after_set_time };
    const gint64 second = 1000000000;
    GError *err = NULL;

    if (!sync && (seconds < 0 || seconds > G_MAXINT64 / second - 1 || nanoseconds >= second)) {
        fail(&err, ERR_INVALID_ARG, "Time '%" G_GINT64_FORMAT "' is too big for guest agent",
             seconds);
        guest_refuse(guest_talk(vm, done, user), err);
        return;
    }
    ask(vm, &kind, sync ? NULL : json_make("time", 'i', seconds * second + nanoseconds, NULL), done,
        user);
}

/* ---- file systems */

static gboolean
is_address(const PciAddress *a, json_object *pci)
{
    return (gint64)a->domain == json_int(pci, "domain", -1) &&
           (gint64)a->bus == json_int(pci, "bus", -1) &&
           (gint64)a->slot == json_int(pci, "slot", -1) &&
           (gint64)a->function == json_int(pci, "function", -1);
}

static const ControllerDef *
controller_of(const DomainDef *live, const DiskDef *disk)
{
    GPtrArray *all = live->devices.controllers;
    int type = disk->bus == DISK_BUS_SCSI  ? CONTROLLER_SCSI
               : disk->bus == DISK_BUS_IDE ? CONTROLLER_IDE
                                           : CONTROLLER_SATA;

    for (guint i = 0; all && i < all->len; i++) {
        const ControllerDef *c = all->pdata[i];
        if (c->type == type && c->index == disk->info.address.drive.controller)
            return c;
    }
    return NULL;
}

const DiskDef *
guest_disk(const DomainDef *live, json_object *address)
{
    GPtrArray *disks = live->devices.disks;
    json_object *pci = json_at(address, "pci-controller");

    for (guint i = 0; pci && disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        const Address *a = &disk->info.address;
        const ControllerDef *c;

        if (a->type == ADDRESS_PCI && is_address(&a->pci, pci))
            return disk;
        if (a->type == ADDRESS_DRIVE && (gint64)a->drive.bus == json_int(address, "bus", -1) &&
            (gint64)a->drive.target == json_int(address, "target", -1) &&
            (gint64)a->drive.unit == json_int(address, "unit", -1) &&
            (c = controller_of(live, disk)) && c->info.address.type == ADDRESS_PCI &&
            is_address(&c->info.address.pci, pci))
            return disk;
    }
    return NULL;
}

static void
fs_free(gpointer data)
{
    VmGuestFs *fs = data;

    g_free(fs->mountpoint);
    g_free(fs->name);
    g_free(fs->type);
    g_ptr_array_unref(fs->targets);
    g_free(fs);
}

static VmGuestFs *
fs_read(const DomainDef *live, json_object *row, GError **err)
{
    const char *mountpoint, *name, *type;
    json_object *disks = json_at(row, "disk");
    VmGuestFs *fs;

    if (!guest_text(row, "mountpoint", &mountpoint, err) || !guest_text(row, "name", &name, err) ||
        !guest_text(row, "type", &type, err) || !guest_array(disks, "disks", 256, err))
        return NULL;
    fs = g_new0(VmGuestFs, 1);
    *fs = (VmGuestFs){ g_strdup(mountpoint), g_strdup(name), g_strdup(type),
                       g_ptr_array_new_with_free_func(g_free) };
    for (gsize i = 0; i < json_object_array_length(disks); i++) {
        const DiskDef *disk = guest_disk(live, json_object_array_get_idx(disks, i));
        if (disk)
            g_ptr_array_add(fs->targets, g_strdup(disk->target));
    }
    return fs;
}

static StepResult
read_file_systems(GuestTalk *t, json_object *ret, GError **err)
{
    VmGuestFs *fs;

    t->answer.list = g_ptr_array_new_with_free_func(fs_free);
    if (!guest_array(ret, "file systems", 256, err) || !vm_need_running(t->vm, err))
        return STEP_FAILED;
    for (gsize i = 0; i < json_object_array_length(ret); i++) {
        if (!(fs = fs_read(t->vm->run->live, json_object_array_get_idx(ret, i), err)))
            return STEP_FAILED;
        g_ptr_array_add(t->answer.list, fs);
    }
    return STEP_DONE;
}

void
vm_guest_file_systems(Vm *vm, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-get-fsinfo", 60, 0, read_file_systems };

    ask(vm, &kind, NULL, done, user);
}

static StepResult
read_number(GuestTalk *t, json_object *ret, GError **err)
{
    gint64 n = json_object_is_type(ret, json_type_int) ? json_object_get_int64(ret) : -1;

    t->answer.number = n;
    return step_of((n >= 0 && n <= G_MAXINT32) ||
                   fail(err, ERR_INTERNAL, "the guest agent's answer is no count"));
}

/* Caches are written first, which may take minutes. */
void
vm_guest_freeze(Vm *vm, const char *const *mountpoints, guint n_mountpoints, VmGuestDone done,
                gpointer user)
{
    static const GuestKind all = { "guest-fsfreeze-freeze", 600, 0, read_number };
    static const GuestKind some = { "guest-fsfreeze-freeze-list", 600, 0, read_number };
    json_object *list;

    if (n_mountpoints == 0) {
        ask(vm, &all, NULL, done, user);
        return;
    }
    list = json_object_new_array();
    for (guint i = 0; i < n_mountpoints; i++)
        json_object_array_add(list, json_object_new_string(mountpoints[i]));
    ask(vm, &some, json_make("mountpoints", 'o', list, NULL), done, user);
}

void
vm_guest_thaw(Vm *vm, guint n_mountpoints, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-fsfreeze-thaw", 600, 0, read_number };
    GError *err = NULL;

    if (n_mountpoints == 0) {
        ask(vm, &kind, NULL, done, user);
        return;
    }
    fail(&err, ERR_OPERATION_INVALID,
         "specifying mountpoints is not supported: an agent thaws all");
    guest_refuse(guest_talk(vm, done, user), err);
}

void
vm_guest_trim(Vm *vm, const char *mountpoint, guint64 minimum, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-fstrim", 1800, 0 };
    GError *err = NULL;

    if (!mountpoint && minimum <= G_MAXINT64) {
        ask(vm, &kind, json_make("minimum", 'i', (gint64)minimum, NULL), done, user);
        return;
    }
    fail(&err, ERR_ARG_UNSUPPORTED, "%s",
         mountpoint ? "Specifying mount point is not supported for now"
                    : "no guest has pieces that large");
    guest_refuse(guest_talk(vm, done, user), err);
}

/* ---- accounts */

/* The copies of the password are the agent's line alone, which is wiped. */
void
vm_guest_set_password(Vm *vm, const char *account, const char *password, gboolean crypted,
                      VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-set-user-password", 60, GUEST_SECRET };
    gsize len = strlen(password);
    char *coded = g_base64_encode((const guchar *)password, len);

    ask(vm, &kind,
        json_make("username", 's', account, "password", 's', coded, "crypted", 'b', crypted, NULL),
        done, user);
    explicit_bzero(coded, strlen(coded));
    g_free(coded);
}

static StepResult
read_keys(GuestTalk *t, json_object *ret, GError **err)
{
    json_object *keys = json_at(ret, "keys");

    t->answer.list = g_ptr_array_new_with_free_func(g_free);
    if (!guest_array(keys, "keys", NAMES_MAX, err))
        return STEP_FAILED;
    for (gsize i = 0; i < json_object_array_length(keys); i++) {
        json_object *key = json_object_array_get_idx(keys, i);
        if (!json_object_is_type(key, json_type_string))
            return step_of(
                fail(err, ERR_INTERNAL, "the guest agent's answer has a key that is no text"));
        g_ptr_array_add(t->answer.list, g_strdup(json_object_get_string(key)));
    }
    return STEP_DONE;
}

void
vm_guest_keys(Vm *vm, const char *account, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-ssh-get-authorized-keys", SOON, 0, read_keys };

    ask(vm, &kind, json_make("username", 's', account, NULL), done, user);
}

void
vm_guest_set_keys(Vm *vm, const char *account, const char *const *keys, guint n_keys, guint flags,
                  VmGuestDone done, gpointer user)
{
    static const GuestKind add = { "guest-ssh-add-authorized-keys", SOON, 0 };
    static const GuestKind remove = { "guest-ssh-remove-authorized-keys", SOON, 0 };
    json_object *list, *args;
    GError *err = NULL;

    if (n_keys == 0 && flags != 0) {
        fail(&err, ERR_INVALID_ARG, "there are no keys to %s",
             flags & VM_GUEST_KEYS_REMOVE ? "remove" : "append");
        guest_refuse(guest_talk(vm, done, user), err);
        return;
    }
    if (flags == (VM_GUEST_KEYS_APPEND | VM_GUEST_KEYS_REMOVE)) {
        fail(&err, ERR_INVALID_ARG, "keys are appended or removed, not both");
        guest_refuse(guest_talk(vm, done, user), err);
        return;
    }
    list = json_object_new_array();
    for (guint i = 0; i < n_keys; i++)
        json_object_array_add(list, json_object_new_string(keys[i]));
    args = json_make("username", 's', account, "keys", 'o', list, NULL);
    if (flags == 0)
        json_object_object_add(args, "reset", json_object_new_boolean(TRUE));
    ask(vm, flags & VM_GUEST_KEYS_REMOVE ? &remove : &add, args, done, user);
}

/* ---- any question */

static StepResult
read_whole(GuestTalk *t, json_object *ret, GError **err)
{
    t->answer.text = ret ? json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PLAIN) : NULL;
    return STEP_DONE;
}

void
vm_guest_command(Vm *vm, const char *command, int seconds, VmGuestDone done, gpointer user)
{
    enum { DEFAULT = -1, DEFAULT_S = 5 };
    static const GuestKind kind = { "?", 0, 0, read_whole };
    GuestTalk *t = guest_talk(vm, done, user);
    GuestCall call = { .flags = GUEST_RAW | GUEST_OWN_SECONDS };
    GError *err = NULL;

    call.args = json_tokener_parse(command);
    call.command = call.args ? json_str(call.args, "execute") : NULL;
    call.seconds = seconds == DEFAULT ? DEFAULT_S : seconds;
    if (!call.command)
        fail(&err, ERR_INVALID_ARG, "an agent's command is a JSON object with 'execute'");
    else if (seconds < GUEST_SECONDS_BLOCK)
        fail(&err, ERR_INVALID_ARG, "guest agent timeout '%d' is less than the minimum '%d'",
             seconds, GUEST_SECONDS_BLOCK);
    else if (guest_check(vm, &err)) {
        vm->run->taint |= TAINT_CUSTOM_GUEST_COMMAND;
        vm_save_soon(vm);
        t->kind = &kind;
        guest_call(vm, &call, on_answer, t);
        return;
    }
    json_object_put(call.args);
    guest_refuse(t, err);
}

/* ---- the end of the guest, and its sleep */

void
guest_shutdown(Vm *vm, const char *mode, GuestAnswer answer, gpointer user)
{
    GuestCall call = { "guest-shutdown", json_make("mode", 's', mode, NULL), 60,
                       GUEST_ENDS_SHUTDOWN | GUEST_ENDS_RESET };

    guest_call(vm, &call, answer, user);
}

static const GuestKind sleeps[] = {
    { "guest-suspend-ram", 60, GUEST_ENDS_SUSPEND },
    { "guest-suspend-disk", 300, GUEST_ENDS },
    { "guest-suspend-hybrid", 300, GUEST_ENDS },
};
enum { SLEEP_MEMORY, SLEEP_DISK, SLEEP_HYBRID };

/* A guest that could never be woken is not put to sleep. */
static void
on_machine(json_object *ret, const GError *err, gpointer user)
{
    GuestTalk *t = user;
    GError *wrong = err ? g_error_copy(err) : NULL;

    if (!wrong && !json_flag(ret, "wakeup-suspend-support"))
        fail(&wrong, ERR_OPERATION_UNSUPPORTED, "Domain does not have suspend support");
    if (wrong)
        guest_refuse(t, wrong);
    else
        guest_ask(t, t->data, NULL);
}

static gboolean
may_sleep(const Vm *vm, guint target, guint64 seconds, GError **err)
{
    const PmDef *pm;

    if (target > SLEEP_HYBRID)
        return fail(err, ERR_INVALID_ARG, "Unknown suspend target: %u", target);
    if (seconds > 0)
        return fail(err, ERR_ARG_UNSUPPORTED, "Duration not supported. Use 0 for now");
    if (!vm_need_running((Vm *)vm, err))
        return FALSE;
    pm = vm->run->live->pm;
    if (pm && pm->suspend_to_mem == NO && target != SLEEP_DISK)
        return fail(err, ERR_OPERATION_UNSUPPORTED, "S3 state is disabled for this domain");
    if (pm && pm->suspend_to_disk == NO && target != SLEEP_MEMORY)
        return fail(err, ERR_OPERATION_UNSUPPORTED, "S4 state is disabled for this domain");
    return guest_check(vm, err);
}

void
vm_guest_sleep(Vm *vm, guint target, guint64 seconds, VmGuestDone done, gpointer user)
{
    GuestTalk *t = guest_talk(vm, done, user);
    GError *err = NULL;

    if (!may_sleep(vm, target, seconds, &err)) {
        guest_refuse(t, err);
        return;
    }
    t->data = (gpointer)&sleeps[target];
    if (target == SLEEP_DISK)
        guest_ask(t, t->data, NULL);
    else
        qmp_call(vm->run->qmp, "query-current-machine", NULL, on_machine, t);
}

/* ---- addresses */

static void
address_done(gpointer address)
{
    g_free(((VmAddress *)address)->text);
}

static void
addresses_free(gpointer data)
{
    VmAddresses *a = data;

    g_free(a->name);
    g_free(a->mac);
    g_array_unref(a->addresses);
    g_free(a);
}

static VmAddresses *
addresses_new(const char *name, const char *mac)
{
    VmAddresses *a = g_new(VmAddresses, 1);

    *a = (VmAddresses){ g_strdup(name), g_strdup(mac),
                        g_array_new(FALSE, FALSE, sizeof(VmAddress)) };
    g_array_set_clear_func(a->addresses, address_done);
    return a;
}

static gboolean
add_address(VmAddresses *a, json_object *row, GError **err)
{
    VmAddress one;
    const char *text, *type;

    if (!guest_text(row, "ip-address", &text, err) ||
        !guest_text(row, "ip-address-type", &type, err))
        return FALSE;
    one = (VmAddress){ g_strdup(text), (guint)CLAMP(json_int(row, "prefix", 0), 0, 128) };
    g_array_append_val(a->addresses, one);
    return TRUE;
}

/* "eth0:1" is a second name of eth0. */
static VmAddresses *
interface_of(GPtrArray *list, const char *name, const char *mac)
{
    g_autofree char *base = g_strndup(name, strcspn(name, ":"));

    for (guint i = 0; i < list->len; i++)
        if (strcmp(((VmAddresses *)list->pdata[i])->name, base) == 0)
            return list->pdata[i];
    g_ptr_array_add(list, addresses_new(base, mac));
    return list->pdata[list->len - 1];
}

static StepResult
read_interfaces(GuestTalk *t, json_object *ret, GError **err)
{
    const char *name;

    t->answer.list = g_ptr_array_new_with_free_func(addresses_free);
    if (!guest_array(ret, "interfaces", NAMES_MAX, err))
        return STEP_FAILED;
    for (gsize i = 0; i < json_object_array_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i), *all = json_at(row, "ip-addresses");
        VmAddresses *a;

        if (!guest_text(row, "name", &name, err) ||
            (all && !guest_array(all, "addresses", NAMES_MAX, err)))
            return STEP_FAILED;
        a = interface_of(t->answer.list, name, json_str(row, "hardware-address"));
        for (gsize j = 0; j < json_length(all); j++)
            if (!add_address(a, json_object_array_get_idx(all, j), err))
                return STEP_FAILED;
        if (a->addresses->len > NAMES_MAX)
            return step_of(fail(err, ERR_INTERNAL, "the guest agent tells of too many addresses"));
    }
    return STEP_DONE;
}

void
vm_guest_addresses(Vm *vm, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-network-get-interfaces", SOON, 0, read_interfaces };

    ask(vm, &kind, NULL, done, user);
}

static gboolean
add_neighbours(GPtrArray *list, const NetDef *net, GError **err)
{
    g_autoptr(GPtrArray) found = neighbours_of(net->mac, err);
    g_autofree char *mac = NULL;
    const guint8 *m = net->mac;
    VmAddresses *a;

    if (!found)
        return FALSE;
    if (found->len == 0)
        return TRUE;
    mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    a = addresses_new(net->ifname ? net->ifname : mac, mac);
    for (guint i = 0; i < found->len; i++) {
        VmAddress one = { g_strdup(found->pdata[i]), 0 };
        g_array_append_val(a->addresses, one);
    }
    g_ptr_array_add(list, a);
    return TRUE;
}

/* vmd hands out no leases yet: of those there are none. */
GPtrArray *
vm_addresses(Vm *vm, guint source, GError **err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(addresses_free);
    GPtrArray *nets;

    if (!vm->run || !vm->run->complete) {
        fail(err, ERR_NOT_RUNNING, "domain is not running");
        return NULL;
    }
    if (source != VM_BY_LEASE && source != VM_BY_ARP) {
        fail(err, ERR_ARG_UNSUPPORTED, "Unknown IP address data source %u", source);
        return NULL;
    }
    nets = vm->run->live->devices.nets;
    for (guint i = 0; source == VM_BY_ARP && nets && i < nets->len; i++)
        if (!add_neighbours(list, nets->pdata[i], err))
            return NULL;
    return g_steal_pointer(&list);
}
