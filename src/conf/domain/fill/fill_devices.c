/* Defaults of the other devices, and the devices that every machine has though nobody wrote them
 * down: mouse and keyboard, the balloon, the watchdog of q35, a crowd's IOMMU. */
#include "fill.h"

#include <string.h>

/* ---- input */

static gboolean
has_input(const Fill *f, int type, int bus)
{
    EACH (InputDef, input, f->def->devices.inputs)
        if (input->type == type && input->bus == bus)
            return TRUE;
    return FALSE;
}

/* Adds the input devices of a bus that the document does not have. */
static void
add_inputs(Fill *f, int bus)
{
    static const int ps2[] = { INPUT_MOUSE, INPUT_KEYBOARD };
    static const int usb[] = { INPUT_KEYBOARD, INPUT_MOUSE };
    const int *types = bus == INPUT_PS2 ? ps2 : usb;

    for (gsize i = 0; i < G_N_ELEMENTS(ps2); i++) {
        InputDef *input;

        if (has_input(f, types[i], bus))
            continue;
        input = list_grow(&f->def->devices.inputs, &input_schema);
        input->type = types[i];
        input->bus = bus;
    }
}

/* The keyboard controller is part of a PC, unless <ps2 state='off'/> leaves it out. */
static void
add_ps2_inputs(Fill *f)
{
    const FeaturesDef *features = f->def->features;

    if (!f->i440fx && !f->q35 && !f->isapc)
        return;
    if (!features || features->ps2 != OFF)
        add_inputs(f, INPUT_PS2);
}

static int
default_input_bus(const Fill *f, const InputDef *input)
{
    switch (input->type) {
    case INPUT_MOUSE:
    case INPUT_KEYBOARD:
        return f->board->input_bus;
    case INPUT_TABLET:
        return f->board->input_bus == INPUT_PS2 ? INPUT_USB : f->board->input_bus;
    case INPUT_PASSTHROUGH:
        return INPUT_VIRTIO;
    }
    return 0;
}

/* A bus that the document leaves out is chosen after the built-in devices are there, which are
 * found by name. */
static void
fill_inputs(Fill *f)
{
    add_ps2_inputs(f);
    if (board_has(f->board, BOARD_USB_INPUT) && f->def->devices.graphics)
        add_inputs(f, INPUT_USB);
    EACH (InputDef, input, f->def->devices.inputs)
        default_int(&input->bus, default_input_bus(f, input));
}

/* ---- interfaces */

static const char *
default_net_model(const Fill *f, const NetDef *net)
{
    switch ((NetType)net->source.net_type) {
    case NET_HOSTDEV:
        return NULL;
    case NET_VHOST_USER:
    case NET_VDPA:
        return "virtio";
    case NET_NONE:
    case NET_USER:
    case NET_ETHERNET:
    case NET_SERVER:
    case NET_CLIENT:
    case NET_MCAST:
    case NET_UDP:
    case NET_NETWORK:
    case NET_BRIDGE:
    case NET_INTERNAL:
    case NET_DIRECT:
    case NET_NULL:
    case NET_VDS:
        break;
    }
    if (f->board->nic && strcmp(f->board->nic, "rtl8139") == 0 &&
        !caps_has_device(f->caps, "rtl8139"))
        return "e1000";
    return f->board->nic;
}

void
net_make_mac(guint8 *mac)
{
    static const guint8 prefix[] = { 0x52, 0x54, 0x00 };

    memcpy(mac, prefix, sizeof(prefix));
    for (gsize i = sizeof(prefix); i < 6; i++)
        mac[i] = (guint8)g_random_int();
}

static gboolean
mac_is_zero(const guint8 *mac)
{
    static const guint8 zero[6];

    return memcmp(mac, zero, sizeof(zero)) == 0;
}

static void
fill_net(Fill *f, NetDef *net)
{
    if (mac_is_zero(net->mac))
        net_make_mac(net->mac);
    if (!net->model || !*net->model)
        set_text(&net->model, default_net_model(f, net));
}

/* ---- what people write down */

static void
fill_tpm(const Fill *f, TpmDef *tpm)
{
    default_int(&tpm->model, f->board->tpm ? f->board->tpm : TPM_TIS);
    if (tpm->backend == TPM_EMULATOR && !tpm->version)
        tpm->version = tpm->model == TPM_TIS && f->x86 ? TPM_1_2 : TPM_2_0;
}

static void
fill_shmem(ShmemDef *shmem)
{
    enum { IVSHMEM = 1, IVSHMEM_PLAIN, IVSHMEM_DOORBELL };

    if (shmem->model == IVSHMEM_PLAIN && !shmem->size)
        shmem->size = 4;
    if (shmem->model == IVSHMEM_DOORBELL) {
        shmem->msi = TRUE;
        default_int(&shmem->msi_ioeventfd, ON);
    }
}

gboolean
fill_devices(Fill *f, GError **err G_GNUC_UNUSED)
{
    Devices *d = &f->def->devices;

    EACH (NetDef, net, d->nets)
        fill_net(f, net);
    EACH (TpmDef, tpm, d->tpms)
        fill_tpm(f, tpm);
    EACH (PanicDef, panic, d->panics)
        default_int(&panic->model, f->board->panic);
    EACH (ShmemDef, shmem, d->shmems)
        fill_shmem(shmem);
    EACH (HostdevDef, hostdev, d->hostdevs)
        if (hostdev->source.type == HOSTDEV_MDEV && hostdev->model == HOSTDEV_MODEL_VFIO_AP)
            hostdev->info.address = (Address){ 0 }; /* it has no address */
    if (d->pstore && !d->pstore->path)
        d->pstore->path = g_strdup_printf("%s/%s_PSTORE.raw", f->context->nvram_dir, f->def->name);
    return TRUE;
}

/* ---- what everyone has */

static void
add_balloon(Fill *f)
{
    Devices *d = &f->def->devices;

    if (!d->balloon && !board_has(f->board, BOARD_BALLOON))
        return;
    if (!d->balloon)
        d->balloon = schema_new(&memballoon_schema);
    default_int(&d->balloon->model, BALLOON_VIRTIO);
}

static void
add_panic(Fill *f)
{
    if (!board_has(f->board, BOARD_PANIC))
        return;
    EACH (PanicDef, panic, f->def->devices.panics)
        if (panic->model == f->board->panic)
            return;
    ((PanicDef *)list_grow(&f->def->devices.panics, &panic_schema))->model = f->board->panic;
}

/* The chipset's own watchdog gets the action of the others. */
static void
add_watchdog(Fill *f)
{
    Devices *d = &f->def->devices;
    int action = WATCHDOG_RESET;
    WatchdogDef *watchdog;

    EACH (WatchdogDef, w, d->watchdogs) {
        default_int(&w->action, WATCHDOG_RESET);
        if (w->model == WATCHDOG_ITCO)
            return;
        action = w->action;
    }
    if (!f->q35)
        return;
    watchdog = list_grow(&d->watchdogs, &watchdog_schema);
    watchdog->model = WATCHDOG_ITCO;
    watchdog->action = action;
}

/* More processors than an 8 bit APIC id can name need extended interrupts, and these an IOMMU. */
static void
add_iommu(Fill *f)
{
    Devices *d = &f->def->devices;
    IommuDef *iommu = list_item(d->iommus, 0);

    if (!f->q35 || f->def->vcpus <= 255)
        return;
    if (!iommu) {
        iommu = list_grow(&d->iommus, &iommu_schema);
        iommu->model = IOMMU_INTEL;
    }
    if (iommu->model != IOMMU_INTEL)
        return;
    default_int(&iommu->intremap, ON);
    default_int(&iommu->eim, ON);
}

gboolean
fill_implicit_devices(Fill *f, GError **err G_GNUC_UNUSED)
{
    fill_inputs(f);
    add_balloon(f);
    add_watchdog(f);
    add_panic(f);
    add_iommu(f);
    return TRUE;
}
