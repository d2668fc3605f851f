/* Small devices, one short function each. */
#include "args_priv.h"

#include <string.h>

/* ---- input and hubs */

static void
put_evdev(ArgsOut *a, const InputDef *input)
{
    static const char *const toggles[] = {
        NULL, "ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"
    };
    enum { GRAB_ALL = 1 };
    json_object *o = json_object_new_object();

    props_add(o, "s:qom-type", "input-linux", "s:id", input->info.alias, "s:evdev", input->evdev,
              "B:repeat", input->repeat, NULL);
    if (input->grab == GRAB_ALL)
        props_add(o, "b:grab_all", TRUE, NULL);
    props_add(o, "s:grab-toggle", toggles[CLAMP(input->grab_toggle, 0, 6)], NULL);
    args_part(a, ADD_OBJECT, o);
}

static gboolean
put_input(ArgsOut *a, const InputDef *input, GError **err)
{
    static const char *const usb[] = { NULL, "usb-mouse", "usb-tablet", "usb-kbd", NULL, NULL };
    static const char *const virtio[] = {
        NULL, "virtio-mouse", "virtio-tablet", "virtio-keyboard", "virtio-input-host", NULL
    };
    g_autofree char *driver = NULL;
    json_object *o;

    if (input->type == INPUT_EVDEV) {
        put_evdev(a, input);
        return TRUE;
    }
    if (input->bus == INPUT_USB)
        driver = g_strdup(usb[input->type]);
    else if (input->bus == INPUT_VIRTIO)
        driver = virtio_driver(&input->info, virtio[input->type], input->model);
    if (driver == NULL)
        return TRUE; /* PS/2: the board's own */
    o = props_new(driver);
    if (input->bus == INPUT_VIRTIO)
        virtio_props(o, &input->virtio);
    props_add(o, "s:id", input->info.alias, "s:evdev", input->evdev, NULL);
    return args_device_at(a, o, &input->info, err);
}

gboolean
args_put_inputs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.inputs;

    EACH_DEVICE (a, InputDef, input, list)
        if (!put_input(a, input, err))
            return FALSE;
    return TRUE;
}

gboolean
args_put_hubs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.hubs;

    EACH_DEVICE (a, HubDef, hub, list) {
        json_object *o = props_new("usb-hub");

        props_add(o, "s:id", hub->info.alias, NULL);
        if (!args_device_at(a, o, &hub->info, err))
            return FALSE;
    }
    return TRUE;
}

/* ---- watchdogs */

static gboolean
put_watchdog(ArgsOut *a, const WatchdogDef *w, GError **err)
{
    static const char *const drivers[] = { NULL, "i6300esb", "ib700", "diag288", NULL };
    json_object *o;

    if (w->model == WATCHDOG_ITCO) {
        args_pair(a, "-global", "ICH9-LPC.noreboot=off");
        return TRUE;
    }
    o = props_new(drivers[CLAMP(w->model, 1, 4)]);
    props_add(o, "s:id", w->info.alias, NULL);
    return args_device_at(a, o, &w->info, err);
}

/* A dump is made by us, of a guest that QEMU has paused. */
const char *
args_watchdog_action(const WatchdogDef *watchdog)
{
    static const char *const actions[] = { NULL,    "reset", "shutdown", "poweroff",
                                           "pause", "none",  "pause",    "inject-nmi" };
    int action = watchdog->action;

    return actions[action > 0 && action < (int)G_N_ELEMENTS(actions) ? action : 1];
}

gboolean
args_put_watchdogs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.watchdogs;

    EACH_DEVICE (a, WatchdogDef, watchdog, list)
        if (!put_watchdog(a, watchdog, err))
            return FALSE;
    if (list_length(list) > 0 && !a->only)
        args_pair(a, "-watchdog-action", args_watchdog_action(list->pdata[0]));
    return TRUE;
}

/* ---- balloon */

gboolean
args_put_balloon(ArgsOut *a, GError **err)
{
    const BalloonDef *b = a->def->devices.balloon;
    int model;
    g_autofree char *driver = NULL;
    json_object *o;

    if (b == NULL || !is_asked(a, b) || b->model == BALLOON_NONE || b->model == BALLOON_XEN)
        return TRUE;
    model = b->model == BALLOON_TRANSITIONAL       ? VIRTIO_MODEL_TRANSITIONAL
            : b->model == BALLOON_NON_TRANSITIONAL ? VIRTIO_MODEL_NON_TRANSITIONAL
                                                   : VIRTIO_MODEL_DEFAULT;
    driver = virtio_driver(&b->info, "virtio-balloon", model);
    o = props_new(driver);
    virtio_props(o, &b->virtio);
    props_add(o, "s:id", b->info.alias, "B:deflate-on-oom", b->autodeflate, "B:free-page-reporting",
              b->free_page_reporting, NULL);
    return args_device_at(a, o, &b->info, err);
}

/* ---- random numbers */

static gboolean
put_rng_backend(ArgsOut *a, const RngDef *rng, const char *id, GError **err)
{
    json_object *o;
    g_autofree char *chardev = g_strconcat("char", rng->info.alias, NULL);

    if (rng->backend == RNG_EGD && !args_chardev(a, &rng->source, chardev, "rng device", err))
        return FALSE;
    o = json_object_new_object();
    switch (rng->backend) {
    case RNG_EGD:
        props_add(o, "s:qom-type", "rng-egd", "s:id", id, "s:chardev", chardev, NULL);
        break;
    case RNG_BUILTIN:
        props_add(o, "s:qom-type", "rng-builtin", "s:id", id, NULL);
        break;
    default:
        props_add(o, "s:qom-type", "rng-random", "s:id", id, "s:filename",
                  args_open(a, HOST_READ,
                            rng->random_device != NULL ? rng->random_device : "/dev/random",
                            "rng device"),
                  NULL);
        break;
    }
    args_part(a, ADD_OBJECT, o);
    return TRUE;
}

static gboolean
put_rng(ArgsOut *a, const RngDef *rng, GError **err)
{
    g_autofree char *id = g_strconcat("obj", rng->info.alias, NULL);
    g_autofree char *driver = virtio_driver(&rng->info, "virtio-rng", rng->model);
    json_object *o;

    if (!put_rng_backend(a, rng, id, err))
        return FALSE;
    o = props_new(driver);
    virtio_props(o, &rng->virtio);
    props_add(o, "s:rng", id, "s:id", rng->info.alias, "n:max-bytes", rng->rate_bytes, NULL);
    if (rng->rate_bytes != 0)
        props_add(o, "n:period", rng->rate_period != 0 ? rng->rate_period : 1000, NULL);
    return args_device_at(a, o, &rng->info, err);
}

gboolean
args_put_rngs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.rngs;

    EACH_DEVICE (a, RngDef, rng, list)
        if (!put_rng(a, rng, err))
            return FALSE;
    return TRUE;
}

/* ---- TPM */

static gboolean
put_tpm_socket(ArgsOut *a, const TpmDef *tpm, GError **err)
{
    g_autofree char *own = g_strdup_printf("%s/swtpm", a->in->run_dir ? a->in->run_dir : "");
    CharEnd end = { .path = tpm->backend == TPM_EXTERNAL ? tpm->socket->path : own,
                    .mode = CHAR_CONNECT };

    return args_socket(a, &end, "chrtpm", "TPM", err);
}

static gboolean
put_tpm(ArgsOut *a, const TpmDef *tpm, GError **err)
{
    static const char *const drivers[] = { NULL, "tpm-tis", "tpm-crb", "tpm-spapr",
                                           "spapr-tpm-proxy" };
    enum { PASSTHROUGH = 1 };
    const char *alias = tpm->info.alias;
    const char *driver = drivers[CLAMP(tpm->model, 1, 4)];
    g_autofree char *id = g_strconcat("tpm-", alias, NULL);
    json_object *o;

    if (tpm->model == TPM_SPAPR_PROXY) {
        o = props_new(driver);
        props_add(o, "s:id", alias, "s:host-path",
                  args_fd_path(a, tpm->device != NULL ? tpm->device : "/dev/tpmrm0", "TPM"), NULL);
        args_device(a, o);
        return TRUE;
    }
    if (tpm->backend == PASSTHROUGH) {
        const char *path = tpm->device != NULL ? tpm->device : "/dev/tpm0";

        args_pairf(a, "-tpmdev", "passthrough,id=%s,path=%s,cancel-path=/dev/null", id,
                   args_open(a, HOST_DEVICE, path, "TPM"));
    } else {
        if (!put_tpm_socket(a, tpm, err))
            return FALSE;
        args_pairf(a, "-tpmdev", "emulator,id=%s,chardev=chrtpm", id);
    }
    if (tpm->model == TPM_TIS && !emulator_has_type(a->e, "tpm-tis"))
        driver = "tpm-tis-device";
    o = props_new(driver);
    props_add(o, "s:tpmdev", id, "s:id", alias, NULL);
    return args_device_at(a, o, &tpm->info, err);
}

gboolean
args_put_tpms(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.tpms;

    EACH_DEVICE (a, TpmDef, tpm, list)
        if (!put_tpm(a, tpm, err))
            return FALSE;
    return TRUE;
}

/* ---- panic */

gboolean
args_put_panics(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.panics;
    enum { PORT = 0x505 };

    EACH_DEVICE (a, PanicDef, p, list) {
        const Address *at = &p->info.address;
        json_object *o;

        if (p->model == PANIC_ISA) {
            guint port = at->type == ADDRESS_ISA && at->isa.iobase != 0 ? at->isa.iobase : PORT;

            o = props_new("pvpanic");
            props_add(o, "n:ioport", port, NULL);
            args_device(a, o);
        } else if (p->model == PANIC_PVPANIC) {
            if (!args_device_at(a, props_new("pvpanic-pci"), &p->info, err))
                return FALSE;
        }
    }
    return TRUE;
}

/* ---- shared memory */

static json_object *
shmem_plain(ArgsOut *a, const ShmemDef *s)
{
    g_autofree char *id = g_strconcat("shmmem-", s->info.alias, NULL);
    g_autofree char *path = g_strconcat("/dev/shm/", s->name, NULL);
    json_object *o = json_object_new_object(), *device = props_new("ivshmem-plain");

    props_add(o, "s:qom-type", "memory-backend-file", "s:id", id, "s:mem-path", path, "U:size",
              (s->size != 0 ? s->size : 4) << 20, "b:share", TRUE, NULL);
    args_part(a, ADD_OBJECT, o);
    props_add(device, "s:id", s->info.alias, "s:memdev", id, NULL);
    return device;
}

static gboolean
shmem_doorbell(ArgsOut *a, const ShmemDef *s, json_object **ret_device, GError **err)
{
    g_autofree char *id = g_strconcat("char", s->info.alias, NULL);
    g_autofree char *own = g_strdup_printf("/var/lib/libvirt/shmem-%s-sock", s->name);
    CharEnd end = { .path = s->server != NULL ? s->server : own, .mode = CHAR_CONNECT };
    json_object *o;

    if (!args_socket(a, &end, id, "shared memory", err))
        return FALSE;
    o = props_new("ivshmem-doorbell");
    props_add(o, "s:id", s->info.alias, "s:chardev", id, "n:vectors", s->msi_vectors, "B:ioeventfd",
              s->msi_ioeventfd, NULL);
    *ret_device = o;
    return TRUE;
}

gboolean
args_put_shmems(ArgsOut *a, GError **err)
{
    enum { IVSHMEM = 1, PLAIN, DOORBELL, MASTER = 1 };
    const GPtrArray *list = a->def->devices.shmems;

    EACH_DEVICE (a, ShmemDef, s, list) {
        json_object *o;

        if (s->model == IVSHMEM)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "ivshmem device is not supported with this QEMU binary");
        if (s->model != DOORBELL)
            o = shmem_plain(a, s);
        else if (!shmem_doorbell(a, s, &o, err))
            return FALSE;
        if (s->role != 0)
            props_add(o, "s:master", s->role == MASTER ? "on" : "off", NULL);
        else if (s->model == PLAIN)
            props_add(o, "s:master", "off", NULL);
        if (!args_device_at(a, o, &s->info, err))
            return FALSE;
    }
    return TRUE;
}

/* ---- vsock, IOMMU, crypto */

gboolean
args_put_vsock(ArgsOut *a, GError **err)
{
    const VsockDef *v = a->def->devices.vsock;
    g_autofree char *driver = NULL, *fd = NULL;
    json_object *o;

    if (v == NULL || !is_asked(a, v))
        return TRUE;
    driver = virtio_driver(&v->info, "vhost-vsock", v->model);
    fd = g_strdup_printf("%d", args_fd(a, HOST_DEVICE, "/dev/vhost-vsock", "vsock device"));
    o = props_new(driver);
    virtio_props(o, &v->virtio);
    props_add(o, "s:id", v->info.alias, "n:guest-cid", v->cid, "s:vhostfd",
              args_is_native(a) ? "0" : fd, NULL);
    return args_device_at(a, o, &v->info, err);
}

static gboolean
put_iommu(ArgsOut *a, const IommuDef *m, GError **err)
{
    json_object *o;

    switch (m->model) {
    case IOMMU_INTEL:
        o = props_new("intel-iommu");
        props_add(o, "s:id", m->info.alias, "w:intremap", m->intremap, "B:caching-mode",
                  m->caching_mode, "w:eim", m->eim, "B:device-iotlb", m->iotlb, "n:aw-bits",
                  m->aw_bits, "B:dma-translation", m->dma_translation, NULL);
        args_device(a, o);
        return TRUE;
    case IOMMU_AMD:
        o = props_new("amd-iommu");
        props_add(o, "s:id", m->info.alias, "w:intremap", m->intremap, "B:pt", m->passthrough,
                  "B:xtsup", m->xtsup, "B:device-iotlb", m->iotlb, NULL);
        args_device(a, o);
        return TRUE;
    case IOMMU_VIRTIO:
        o = props_new("virtio-iommu");
        props_add(o, "s:id", m->info.alias, NULL);
        return args_device_at(a, o, &m->info, err);
    default:
        return TRUE; /* the machine's own */
    }
}

gboolean
args_put_iommus(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.iommus;

    EACH_DEVICE (a, IommuDef, iommu, list)
        if (!put_iommu(a, iommu, err))
            return FALSE;
    return TRUE;
}

gboolean
args_put_cryptos(ArgsOut *a, GError **err)
{
    static const char *const backends[] = { NULL, "cryptodev-backend-builtin",
                                            "cryptodev-backend-lkcf" };
    const GPtrArray *list = a->def->devices.cryptos;

    EACH_DEVICE (a, CryptoDef, c, list) {
        g_autofree char *id = g_strconcat("obj", c->info.alias, NULL);
        g_autofree char *driver = virtio_driver(&c->info, "virtio-crypto", 0);
        json_object *o = json_object_new_object();

        props_add(o, "s:qom-type", backends[CLAMP(c->backend, 1, 2)], "s:id", id, "n:queues",
                  c->queues, NULL);
        args_part(a, ADD_OBJECT, o);
        o = props_new(driver);
        virtio_props(o, &c->virtio);
        props_add(o, "s:cryptodev", id, "s:id", c->info.alias, NULL);
        if (!args_device_at(a, o, &c->info, err))
            return FALSE;
    }
    return TRUE;
}

/* ---- what has hardly anything to say */

static gboolean
put_pstore(ArgsOut *a, const PstoreDef *p, GError **err)
{
    g_autofree char *id = g_strconcat("mem", p->info.alias, NULL);
    json_object *o = json_object_new_object();

    props_add(o, "s:qom-type", "memory-backend-file", "s:id", id, "s:mem-path", p->path, "U:size",
              p->size << 10, "b:share", TRUE, NULL);
    args_part(a, ADD_OBJECT, o);
    o = props_new("acpi-erst");
    props_add(o, "s:id", p->info.alias, "s:memdev", id, NULL);
    return args_device_at(a, o, &p->info, err);
}

gboolean
args_put_small(ArgsOut *a, GError **err)
{
    const DomainDef *def = a->def;

    if (def->features != NULL && def->features->vmcoreinfo == ON)
        args_device(a, props_new("vmcoreinfo"));
    if (def->genid) {
        json_object *o = props_new("vmgenid");
        char uuid[UUID_TEXT_LEN];

        uuid_format(def->genid_uuid, uuid);
        props_add(o, "s:guid", uuid, "s:id", "vmgenid0", NULL);
        args_device(a, o);
    }
    return def->devices.pstore == NULL || put_pstore(a, def->devices.pstore, err);
}
