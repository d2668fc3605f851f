/* What a domain leaves on the host besides its definition: the firmware's variables and the state
 * of its TPM. A guest may have its disks' keys in them, so they go only when it was asked for, or
 * when the domain that they are of is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

char *
tpm_state_dir(const Vm *vm)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(vm->obj.uuid, uuid);
    return g_strdup_printf("%s/qemu/swtpm/%s", qemu_paths->lib, uuid);
}

/* ---- the firmware's variables */

typedef struct NvramLook {
    char *path; /* as the definition has it */
    guint flags;
} NvramLook;

static void
nvram_look_free(gpointer data)
{
    NvramLook *l = data;

    g_free(l->path);
    g_free(l);
}

/* A file of the guest's own. What a distribution has installed, and what is no file, is none. */
static gboolean
is_guests_own(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && !path_is_installed(path);
}

/* In the folder as it is reached now: nobody's link leads it elsewhere. */
static gboolean
nvram_remove(const char *path, GError **err)
{
    g_autofree char *name = NULL;
    struct stat st;
    fd_auto dir = file_reach_folder(path, &name);

    return (dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            unlinkat(dir, name, 0) == 0) ||
           fail_errno(err, errno, "cannot remove '%s'", path);
}

static gpointer
settle_nvram(gpointer in, GError **err)
{
    const NvramLook *l = in;

    if (!is_guests_own(l->path))
        return NULL;
    if (!(l->flags & (UNDEFINE_NVRAM | UNDEFINE_KEEP_NVRAM)))
        fail(err, ERR_OPERATION_INVALID, "cannot undefine domain with nvram");
    else if (l->flags & UNDEFINE_NVRAM)
        nvram_remove(l->path, err);
    return NULL;
}

gboolean
remains_settle_nvram(Vm *vm, const DomainDef *def, guint flags, OffloadDone done, gpointer user)
{
    const NvramDef *nvram = def ? def->os.nvram : NULL;
    const char *path = nvram ? nvram->path ? nvram->path : nvram->source.path : NULL;
    NvramLook *l;

    if (!path)
        return FALSE;
    l = g_new(NvramLook, 1);
    *l = (NvramLook){ g_strdup(path), flags };
    offload_for(&vm->obj, settle_nvram, l, nvram_look_free, done, user);
    return TRUE;
}

/* ---- the state of the TPM */

static gboolean
tpm_stays(const DomainDef *def)
{
    const GPtrArray *tpms = def->devices.tpms;

    for (guint i = 0; tpms && i < tpms->len; i++) {
        const TpmDef *tpm = tpms->pdata[i];
        if (tpm->backend == TPM_EMULATOR && tpm->persistent_state == YES)
            return TRUE;
    }
    return FALSE;
}

static gboolean
drop_tpm(const Vm *vm, const DomainDef *def, TpmFate fate, GError **err)
{
    g_autofree char *dir = tpm_state_dir(vm);

    if (fate == TPM_FATE_KEPT || (fate == TPM_FATE_AS_DEFINED && (!def || tpm_stays(def))))
        return TRUE;
    return dir_remove(dir, err);
}

static TpmFate
fate_of(guint flags)
{
    if (flags & UNDEFINE_KEEP_TPM)
        return TPM_FATE_KEPT;
    return flags & UNDEFINE_TPM ? TPM_FATE_GONE : TPM_FATE_AS_DEFINED;
}

/* ---- the end of a definition, and of a domain without one */

gboolean
remains_check(guint flags, GError **err)
{
    if (flags & UNDEFINE_NVRAM && flags & UNDEFINE_KEEP_NVRAM)
        return fail(err, ERR_OPERATION_INVALID, "cannot both keep and delete nvram");
    if (flags & UNDEFINE_TPM && flags & UNDEFINE_KEEP_TPM)
        return fail(err, ERR_OPERATION_INVALID, "cannot both keep and delete TPM");
    return TRUE;
}

gboolean
remains_undefine(Vm *vm, const DomainDef *def, guint flags, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (!vm->run)
        return drop_tpm(vm, def, fate_of(flags), err);
    /* swtpm writes it as long as it runs; who comes after a crash has to know as well. */
    vm->run->tpm_fate = fate_of(flags);
    if (vm->run->complete && !status_save(vm, &why))
        log_warning("domain '%s': %s", vm->obj.name, why->message);
    return TRUE;
}

void
remains_end(Vm *vm)
{
    g_autoptr(GError) err = NULL;

    if (!vm->persistent && vm->run && vm->run->live &&
        !drop_tpm(vm, vm->run->live, vm->run->tpm_fate, &err))
        log_warning("domain '%s': state of its TPM: %s", vm->obj.name, err->message);
}
