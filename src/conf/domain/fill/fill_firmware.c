/* Which firmware a guest gets. Either the document asks for a kind ("efi") and the first descriptor
 * of the host that agrees with all the document says is written down, or it names a file: one that
 * a descriptor knows is treated alike, any other is taken as it is. */
#include "fill.h"

#include <string.h>

/* ---- does a firmware agree with the document */

/* Whether the document wants a feature: its last element counts; 0: it has none. */
static int
feature_wanted(const OsDef *os, int name)
{
    int wanted = 0;

    EACH (FirmwareFeature, feature, os->firmware_features)
        if (feature->name == name)
            wanted = feature->enabled;
    return wanted;
}

static gboolean
agrees(int wanted, gboolean has)
{
    return !wanted || (wanted == YES) == has;
}

static gboolean
fits_loader(const FirmwareCaps *fw, const LoaderDef *loader)
{
    static const LoaderDef nothing;
    const LoaderDef *l = loader ? loader : &nothing;
    gboolean flash = fw->loader == LOADER_PFLASH;

    if ((l->type && l->type != fw->loader) || (l->path && strcmp(l->path, fw->path) != 0))
        return FALSE;
    if ((flash && fw->combined) != (l->readonly == NO))
        return FALSE;
    return agrees(l->stateless, fw->stateless || !flash) && agrees(l->secure, fw->requires_smm);
}

/* The loader's format counts, then that of the variables; raw where nothing is said. */
static gboolean
fits_format(const FirmwareCaps *fw, const OsDef *os)
{
    int wanted = os->loader ? os->loader->format : os->nvram ? os->nvram->format : 0;

    return fw->format == (wanted ? wanted : FORMAT_RAW);
}

static gboolean
fits_nvram(const FirmwareCaps *fw, const NvramDef *nvram)
{
    if (!nvram)
        return TRUE;
    if (fw->loader != LOADER_PFLASH || fw->stateless || fw->combined)
        return FALSE;
    return !nvram->template || g_strcmp0(nvram->template, fw->nvram) == 0;
}

static gboolean
fits_security(const FirmwareCaps *fw, const LaunchSecurity *security)
{
    if (!security)
        return TRUE;
    switch (security->type) {
    case SECURITY_SEV:
        return (security->policy & 4) ? fw->sev_es : fw->sev;
    case SECURITY_SEV_SNP:
        return fw->sev_snp;
    case SECURITY_TDX:
        return fw->tdx;
    }
    return TRUE;
}

static gboolean
fits(const FirmwareCaps *fw, const DomainDef *def)
{
    const OsDef *os = &def->os;
    gboolean no_smm = def->features && def->features->smm == OFF;

    if (!(os->firmware == FIRMWARE_BIOS ? fw->bios : fw->uefi) || (no_smm && fw->requires_smm))
        return FALSE;
    return fits_loader(fw, os->loader) && fits_format(fw, os) && fits_nvram(fw, os->nvram) &&
           agrees(feature_wanted(os, FIRMWARE_SECURE_BOOT), fw->secure_boot) &&
           agrees(feature_wanted(os, FIRMWARE_ENROLLED_KEYS), fw->enrolled_keys) &&
           fits_security(fw, def->launch_security);
}

static const FirmwareCaps *
choose(const Fill *f, const GPtrArray *firmwares)
{
    EACH (FirmwareCaps, fw, firmwares)
        if (fits(fw, f->def))
            return fw;
    return NULL;
}

/* ---- writing the choice down */

static gboolean
nvram_is_remote(const NvramDef *nvram)
{
    return nvram && nvram->source.type == SOURCE_NETWORK;
}

static void
add_feature(GPtrArray **features, int name, int enabled)
{
    FirmwareFeature *feature;

    if (!enabled)
        return;
    feature = g_new0(FirmwareFeature, 1);
    feature->name = name;
    feature->enabled = enabled;
    list_append(features, feature);
}

/* Keys are in the template; variables that come from elsewhere have their own. */
static void
note_features(OsDef *os, const FirmwareCaps *fw)
{
    int keys = feature_wanted(os, FIRMWARE_ENROLLED_KEYS);

    if (!nvram_is_remote(os->nvram))
        keys = fw->enrolled_keys ? YES : NO;
    if (os->firmware_features)
        g_ptr_array_set_free_func(os->firmware_features, g_free);
    g_clear_pointer(&os->firmware_features, g_ptr_array_unref);
    add_feature(&os->firmware_features, FIRMWARE_ENROLLED_KEYS, keys);
    add_feature(&os->firmware_features, FIRMWARE_SECURE_BOOT, fw->secure_boot ? YES : NO);
}

static void
note_loader(DomainDef *def, const FirmwareCaps *fw)
{
    LoaderDef *loader;

    if (!def->os.loader)
        def->os.loader = g_new0(LoaderDef, 1);
    loader = def->os.loader;
    loader->type = fw->loader;
    loader->format = fw->format;
    if (!loader->path)
        loader->path = g_strdup(fw->path);
    if (fw->loader == LOADER_PFLASH)
        default_int(&loader->readonly, YES);
    if (!fw->requires_smm)
        return;
    default_int(&loader->secure, YES);
    if (!def->features)
        def->features = schema_new(&features_schema);
    def->features->smm = ON;
}

static void
note_template(OsDef *os, const FirmwareCaps *fw)
{
    if (fw->loader != LOADER_PFLASH || fw->stateless || fw->combined)
        return;
    if (!os->nvram)
        os->nvram = g_new0(NvramDef, 1);
    os->nvram->format = fw->nvram_format;
    if (nvram_is_remote(os->nvram) || !fw->nvram)
        return;
    set_text(&os->nvram->template, fw->nvram);
    os->nvram->template_format = fw->nvram_format;
}

static void
note_choice(DomainDef *def, const FirmwareCaps *fw)
{
    note_features(&def->os, fw);
    note_loader(def, fw);
    note_template(&def->os, fw);
}

/* ---- a file of the document's own */

/* Firmware known by its path alone, before there were descriptors beside it. */
static const struct {
    const char *code, *vars;
} legacy_firmware[] = {
    { "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd" },
    { "/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd" },
    { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
    { "/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
};

/* The template of its variables; NULL: not of these. Its code is shared by all guests, so none of
 * them writes it. */
static const char *
recognise_legacy(LoaderDef *loader)
{
    for (gsize i = 0; i < G_N_ELEMENTS(legacy_firmware); i++) {
        if (loader->type != LOADER_PFLASH || loader->readonly == NO || loader->stateless == YES ||
            loader->format != FORMAT_RAW || g_strcmp0(loader->path, legacy_firmware[i].code) != 0)
            continue;
        loader->readonly = YES;
        return legacy_firmware[i].vars;
    }
    return NULL;
}

/* A firmware file that a descriptor names gets the properties of the descriptor. */
static void
recognise(Fill *f, const GPtrArray *firmwares)
{
    OsDef *os = &f->def->os;
    int format = os->nvram ? os->nvram->format : 0;
    const FirmwareCaps *fw;

    if (os->loader->type != LOADER_PFLASH)
        return;
    os->firmware = FIRMWARE_EFI;
    if ((fw = choose(f, firmwares)))
        note_choice(f->def, fw);
    else
        os->firmware = 0;
    if (os->nvram && format)
        os->nvram->format = format;
}

static void
fill_loader(LoaderDef *loader)
{
    if (!loader->type) {
        loader->type = LOADER_ROM;
        default_int(&loader->format, FORMAT_RAW);
    }
    if (loader->type == LOADER_PFLASH)
        default_int(&loader->format, FORMAT_RAW);
}

/* A file of the domain's own, where the document names no place. */
static void
place_nvram(const Fill *f, NvramDef *nvram)
{
    char **path = nvram->source.type == SOURCE_FILE ? &nvram->source.path : &nvram->path;
    g_autofree char *name = NULL;

    if (*path)
        return;
    name = g_strdup_printf("%s_VARS.%s", f->def->name,
                           nvram->format == FORMAT_QCOW2 ? "qcow2" : "fd");
    *path = g_build_filename(f->context->nvram_dir ? f->context->nvram_dir : "", name, NULL);
}

static void
fill_nvram(const Fill *f, LoaderDef *loader)
{
    OsDef *os = &f->def->os;
    const char *vars = recognise_legacy(loader);
    NvramDef *nvram;

    if (loader->type != LOADER_PFLASH || loader->readonly != YES || loader->stateless == YES)
        return;
    if (!os->nvram)
        os->nvram = g_new0(NvramDef, 1);
    nvram = os->nvram;
    default_int(&nvram->format, loader->format);
    if (nvram->source.type && nvram->source.type != SOURCE_FILE)
        return;
    place_nvram(f, nvram);
    if (!vars)
        return;
    if (!nvram->template)
        nvram->template = g_strdup(vars);
    default_int(&nvram->template_format, FORMAT_RAW);
}

/* Drops an empty element that is not needed. */
static void
drop_empty_nvram(OsDef *os)
{
    const NvramDef *n = os->nvram;

    if (!n || n->template || n->path || n->source.type || n->format || n->template_format)
        return;
    schema_free(&nvram_schema, os->nvram);
    os->nvram = NULL;
}

gboolean
fill_firmware(Fill *f, GError **err)
{
    OsDef *os = &f->def->os;
    g_autoptr(GPtrArray) firmwares = NULL;
    const FirmwareCaps *fw;

    if (!os->firmware && !(os->loader && os->loader->path))
        return TRUE;
    if (f->context->firmwares)
        firmwares = f->context->firmwares(os->arch, os->machine, f->context->user);
    if (!os->firmware) {
        recognise(f, firmwares);
    } else {
        if (!(fw = choose(f, firmwares)))
            return fail(err, ERR_OPERATION_FAILED,
                        "the host has no firmware of kind '%s' that fits machine '%s' and all that "
                        "<os> and <features> say",
                        os->firmware == FIRMWARE_BIOS ? "bios" : "efi", os->machine);
        note_choice(f->def, fw);
    }
    if (os->nvram)
        fill_disk_source(&os->nvram->source);
    fill_loader(os->loader);
    fill_nvram(f, os->loader);
    drop_empty_nvram(os);
    return TRUE;
}
