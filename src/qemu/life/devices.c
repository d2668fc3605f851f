/* Devices of the host that are passed to a guest: only one guest has a device at a time. */
#include "life.h"

static gboolean
pci_claim(Vm *vm, const PciAddress *p, GError **err)
{
    g_autofree char *key = g_strdup_printf("%04x:%02x:%02x.%x", p->domain, p->bus, p->slot,
                                           p->function);
    const Claim claim = { .kind = CLAIM_PCI, .key = key, .owner = OWNER(vm) };

    return claim_take(&claim, err);
}

gboolean
hostdevs_claim(Vm *vm, GError **err)
{
    const Devices *d = &vm->run->live->devices;

    EACH (const HostdevDef, h, d->hostdevs)
        if (h->source.type == HOSTDEV_PCI && h->source.pci && !pci_claim(vm, h->source.pci, err))
            return FALSE;
    EACH (const NetDef, net, d->nets)
        if (net->source.net_type == NET_HOSTDEV && net->source.host &&
            net->source.host->type == NET_HOST_PCI && !pci_claim(vm, &net->source.host->pci, err))
            return FALSE;
    return TRUE;
}
