/* The virtual bus of POWER guests (spapr-vio): every kind of device begins at its own register and
 * takes the next free one. */
#include "fill.h"

enum { SPAPR_STEP = 0x1000 };

typedef enum SpaprSeat {
    SEAT_NONE,
    SEAT_SAID, /* where its address says so */
    SEAT_FREE, /* there, and on POWER also where it has no address */
    SEAT_ONLY, /* it can sit nowhere else, whatever its address says */
} SpaprSeat;

static SpaprSeat
nvram_seat(gconstpointer device G_GNUC_UNUSED)
{
    return SEAT_FREE;
}

static SpaprSeat
net_seat(gconstpointer device)
{
    return g_strcmp0(((const NetDef *)device)->model, "spapr-vlan") == 0 ? SEAT_ONLY : SEAT_SAID;
}

static SpaprSeat
controller_seat(gconstpointer device)
{
    const ControllerDef *c = device;

    if (c->type != CONTROLLER_SCSI)
        return SEAT_NONE;
    return c->model == MODEL_IBMVSCSI ? SEAT_ONLY : SEAT_SAID;
}

static SpaprSeat
serial_seat(gconstpointer device)
{
    return ((const CharDef *)device)->target_type == SERIAL_SPAPR_VIO ? SEAT_FREE : SEAT_SAID;
}

static SpaprSeat
tpm_seat(gconstpointer device)
{
    return ((const TpmDef *)device)->model == TPM_SPAPR ? SEAT_FREE : SEAT_NONE;
}

static const struct {
    gsize list, info;
    guint64 first;
    gboolean single;
    SpaprSeat (*seat)(gconstpointer device);
} kinds[] = {
#define LIST(list, type, first, seat)                                                              \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, info), first, FALSE, seat            \
    }
    LIST(nets, NetDef, 0x1000, net_seat),
    LIST(controllers, ControllerDef, 0x2000, controller_seat),
    LIST(serials, CharDef, 0x30000000, serial_seat),
    { G_STRUCT_OFFSET(Devices, nvram), G_STRUCT_OFFSET(NvramDevice, info), 0x3000, TRUE,
      nvram_seat },
    LIST(tpms, TpmDef, 0x4000, tpm_seat),
#undef LIST
};

typedef struct RegSearch {
    guint64 reg;
    const DeviceInfo *but; /* itself */
    gboolean taken;
} RegSearch;

static gboolean
look(DeviceInfo *info, const Schema *schema, gpointer device G_GNUC_UNUSED, gpointer user)
{
    RegSearch *s = user;

    /* the console is the serial port once more */
    if (info != s->but && schema != &console_schema && info->address.type == ADDRESS_SPAPR_VIO &&
        info->address.spapr.reg == s->reg)
        s->taken = TRUE;
    return !s->taken;
}

static gboolean
is_taken(Fill *f, guint64 reg, const DeviceInfo *but)
{
    RegSearch search = { reg, but, FALSE };

    domain_each_device(f->def, look, &search);
    return search.taken;
}

/* A device with an address of this type gets a register on every machine. */
static gboolean
assign(Fill *f, DeviceInfo *info, guint64 first, SpaprSeat seat, GError **err)
{
    Address *a = &info->address;
    gboolean is_free = a->type == ADDRESS_NONE && board_has(f->board, BOARD_SPAPR);
    guint64 reg = first;

    if (a->type != ADDRESS_SPAPR_VIO) {
        if (seat != SEAT_ONLY && (seat != SEAT_FREE || !is_free))
            return TRUE;
        schema_done(&address_schema, a);
        *a = (Address){ .type = ADDRESS_SPAPR_VIO };
    }
    if (a->spapr.reg) {
        if (!is_taken(f, a->spapr.reg, info))
            return TRUE;
        return fail(err, ERR_XML, "spapr-vio address %#" G_GINT64_MODIFIER "x already in use",
                    a->spapr.reg);
    }
    while (is_taken(f, reg, info))
        reg += SPAPR_STEP;
    a->spapr.reg = reg;
    return TRUE;
}

/* The console gets the address of the first serial port. */
static void
mirror_console(Fill *f)
{
    const CharDef *serial = list_item(f->def->devices.serials, 0);
    CharDef *console = list_item(f->def->devices.consoles, 0);

    if (serial && console && console->target_type == CONSOLE_SERIAL &&
        serial->info.address.type == ADDRESS_SPAPR_VIO)
        console->info.address = serial->info.address;
}

gboolean
fill_spapr_addresses(Fill *f, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        gpointer at = G_STRUCT_MEMBER(gpointer, &f->def->devices, kinds[i].list);

        if (at && kinds[i].single) {
            if (!assign(f, G_STRUCT_MEMBER_P(at, kinds[i].info), kinds[i].first, kinds[i].seat(at),
                        err))
                return FALSE;
            continue;
        }
        EACH (void, device, (GPtrArray *)at) {
            SpaprSeat seat = kinds[i].seat(device);

            if (seat != SEAT_NONE &&
                !assign(f, G_STRUCT_MEMBER_P(device, kinds[i].info), kinds[i].first, seat, err))
                return FALSE;
        }
    }
    mirror_console(f);
    return TRUE;
}
