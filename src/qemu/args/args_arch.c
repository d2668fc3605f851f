/* Options for machines other than PCs. */
#include "args_priv.h"

#include <string.h>

gboolean
guest_is_pseries(const DomainDef *def)
{
    return def->os.machine != NULL && g_str_has_prefix(def->os.machine, "pseries");
}

static gboolean
guest_is_arm(const DomainDef *def)
{
    const char *arch = def->os.arch != NULL ? def->os.arch : "";

    return g_str_has_prefix(arch, "aarch64") || g_str_has_prefix(arch, "armv");
}

/* ---- words that differ */

/* How QEMU calls the bus of the first PCI root. */
const char *
args_root_bus(const DomainDef *def, const ControllerDef *root)
{
    static const char *const numbered[] = { "x86_64",  "i686",  "ppc", "ppc64",
                                            "ppc64le", "s390x", NULL };

    if (root->model == MODEL_PCIE_ROOT)
        return "pcie.0";
    return g_strv_contains(numbered, def->os.arch) ? "pci.0" : "pci";
}

/* Machines that have ACPI tables or leave them out, and since which version of QEMU. */
gboolean
args_choose_acpi(const ArgsOut *a)
{
    static const struct {
        const char *arch;
        guint64 since;
    } with_virt[] = { { "aarch64", 0 },       { "armv7l", 0 },        { "armv6l", 0 },
                      { "riscv64", 8000000 }, { "riscv32", 8000000 }, { "loongarch64", 7001000 } };
    const OsDef *os = &a->def->os;

    for (gsize i = 0; i < G_N_ELEMENTS(with_virt); i++)
        if (g_strcmp0(os->arch, with_virt[i].arch) == 0)
            return g_str_has_prefix(os->machine, "virt") && a->e->version >= with_virt[i].since;
    return guest_is_x86(a->def);
}

/* ---- zPCI: a device beside each PCI device */

typedef struct ZpciSearch {
    const char *alias;
    const DeviceInfo *found;
} ZpciSearch;

static gboolean
find_alias(DeviceInfo *info, const Schema *schema G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED,
           gpointer user)
{
    ZpciSearch *s = user;

    if (info->address.type == ADDRESS_PCI && info->address.pci.zpci.has_uid &&
        g_strcmp0(info->alias, s->alias) == 0)
        s->found = info;
    return s->found == NULL;
}

void
args_put_zpci(ArgsOut *a, const char *alias)
{
    ZpciSearch search = { .alias = alias };
    const ZpciAddress *z;
    g_autofree char *id = NULL;
    json_object *o;

    if (alias == NULL || g_strcmp0(a->def->os.arch, "s390x") != 0)
        return;
    domain_each_device((DomainDef *)a->def, find_alias, &search);
    if (search.found == NULL)
        return;
    z = &search.found->address.pci.zpci;
    id = g_strdup_printf("zpci%u", z->uid);
    o = props_new("zpci");
    props_add(o, "i:uid", (int)z->uid, "U:fid", (guint64)z->fid, "s:target", alias, "s:id", id,
              NULL);
    args_part(a, ADD_DEVICE, o);
}

/* ---- pSeries */

json_object *
spapr_bridge(const ControllerDef *c)
{
    json_object *o = props_new("spapr-pci-host-bridge");

    props_add(o, "i:index", c->pci != NULL ? (int)c->pci->index : (int)c->index, "s:id",
              c->info.alias, NULL);
    if (c->pci != NULL && c->pci->has_node)
        props_add(o, "i:numa_node", (int)c->pci->node, NULL);
    return o;
}

/* The machine has its NVRAM anyway; here is where. */
gboolean
args_put_nvram(ArgsOut *a, GError **err)
{
    const NvramDevice *nvram = a->def->devices.nvram;

    if (nvram != NULL && nvram->info.address.type == ADDRESS_SPAPR_VIO)
        args_pairf(a, "-global", "spapr-nvram.reg=%#" G_GINT64_MODIFIER "x",
                   nvram->info.address.spapr.reg);
    return TRUE;
}

/* Real mode of POWER wants memory in blocks. */
guint64
args_memory_block(const DomainDef *def)
{
    return (guest_is_pseries(def) ? 256 : 1) * G_GUINT64_CONSTANT(1024);
}

/* ---- cards that are part of a board */

gboolean
nic_is_onboard(const DomainDef *def, const NetDef *net)
{
    return net->info.address.type == ADDRESS_NONE && net->model != NULL && guest_is_arm(def) &&
           !g_str_has_prefix(net->model, "virtio") && !g_str_equal(net->model, "usb-net");
}

/* ---- memory given back late */

gboolean
args_put_teardown(ArgsOut *a, GError **err)
{
    int wanted = a->def->features != NULL ? a->def->features->async_teardown : 0;

    if (wanted == 0)
        return TRUE;
    if (!emulator_able(a->e, ABLE_RUN_WITH))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "feature 'async-teardown' is not supported by %s",
                    a->e->path);
    args_pairf(a, "-run-with", "async-teardown=%s", wanted == ON ? "on" : "off");
    return TRUE;
}
