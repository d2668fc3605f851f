/* PCI devices of s390x have two numbers more, by which the guest's operating system finds them. */
#include "fill_pci.h"

enum { UID_FIRST = 1, UID_LAST = 0xffff };

typedef struct ZpciNumbers {
    GHashTable *uids, *fids;
    guint32 next_uid, next_fid;
    gboolean only_partial; /* those of which one number is written */
} ZpciNumbers;

static gboolean
reserve(GHashTable *taken, const char *what, guint32 number, GError **err)
{
    return g_hash_table_add(taken, GUINT_TO_POINTER(number)) ||
           fail(err, ERR_PLAIN, "zPCI %s %u is already reserved", what, number);
}

static gboolean
note_written(DeviceInfo *info, guint connect G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED,
             gpointer user, GError **err)
{
    ZpciNumbers *n = user;
    const ZpciAddress *z = &info->address.pci.zpci;

    if (info->address.type != ADDRESS_PCI)
        return TRUE;
    if (z->has_uid && z->uid >= UID_FIRST && !reserve(n->uids, "uid", z->uid, err))
        return FALSE;
    return !z->has_fid || reserve(n->fids, "fid", z->fid, err);
}

static guint32
take_next(GHashTable *taken, guint32 *next)
{
    while (!g_hash_table_add(taken, GUINT_TO_POINTER(*next)))
        ++*next;
    return *next;
}

static gboolean
number(DeviceInfo *info, guint connect G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED, gpointer user,
       GError **err)
{
    ZpciNumbers *n = user;
    ZpciAddress *z = &info->address.pci.zpci;

    if (info->address.type != ADDRESS_PCI)
        return TRUE;
    if (n->only_partial ? z->has_uid == z->has_fid : pci_address_is_empty(&info->address.pci))
        return TRUE;
    if (!z->has_uid) {
        z->uid = take_next(n->uids, &n->next_uid);
        z->has_uid = TRUE;
        if (z->uid > UID_LAST)
            return fail(err, ERR_PLAIN, "There are no more free zPCI uids.");
    }
    if (!z->has_fid) {
        z->fid = take_next(n->fids, &n->next_fid);
        z->has_fid = TRUE;
    }
    return TRUE;
}

/* Devices with one of the two numbers given come first; then those with an address. */
static gboolean
number_all(Fill *f, gboolean (*each)(Fill *f, PciVisit visit, gpointer user, GError **err),
           GError **err)
{
    g_autoptr(GHashTable) uids = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) fids = g_hash_table_new(NULL, NULL);
    ZpciNumbers numbers = { uids, fids, UID_FIRST, 0, TRUE };

    if (!board_has(f->board, BOARD_ZPCI))
        return TRUE;
    if (!pci_each(f, note_written, &numbers, err) || !each(f, number, &numbers, err))
        return FALSE;
    numbers.only_partial = FALSE;
    return each(f, number, &numbers, err);
}

gboolean
fill_zpci_named(Fill *f, GError **err)
{
    return number_all(f, pci_each_named, err);
}

gboolean
fill_zpci_numbers(Fill *f, GError **err)
{
    return number_all(f, pci_each, err);
}
