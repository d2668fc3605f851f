/* Rows of controllers, input, hubs, sound and audio, and the list of all devices. */
#include "conf/rows.h"

#include <string.h>

/* ---- controllers */

const char *const controller_types[] = { NULL,   "ide", "fdc", "scsi",   "sata", "virtio-serial",
                                         "ccid", "usb", "pci", "xenbus", "isa",  "nvme",
                                         NULL };

const char *const controller_models[] = {
    NULL,
    "auto",
    "buslogic",
    "lsilogic",
    "lsisas1068",
    "vmpvscsi",
    "ibmvscsi",
    "virtio-scsi",
    "lsisas1078",
    "ncr53c90",
    "dc390",
    "am53c974",
    "virtio-transitional",
    "virtio-non-transitional",
    "piix3-uhci",
    "piix4-uhci",
    "ehci",
    "ich9-ehci1",
    "ich9-uhci1",
    "ich9-uhci2",
    "ich9-uhci3",
    "vt82c686b-uhci",
    "pci-ohci",
    "nec-xhci",
    "qusb1",
    "qusb2",
    "qemu-xhci",
    "none",
    "pci-root",
    "pcie-root",
    "pci-bridge",
    "dmi-to-pci-bridge",
    "pcie-to-pci-bridge",
    "pcie-root-port",
    "pcie-switch-upstream-port",
    "pcie-switch-downstream-port",
    "pci-expander-bus",
    "pcie-expander-bus",
    "piix3",
    "piix4",
    "ich6",
    "virtio",
    NULL,
};

const char *const pci_model_names[] = { NULL,
                                        "pci-bridge",
                                        "i82801b11-bridge",
                                        "ioh3420",
                                        "x3130-upstream",
                                        "xio3130-downstream",
                                        "pxb",
                                        "pxb-pcie",
                                        "pcie-root-port",
                                        "spapr-pci-host-bridge",
                                        "pcie-pci-bridge",
                                        NULL };

static const SizeSpec pcihole_size = { 1024, 1024, "KiB", 0 };

static const Field controller_pci_fields[] = {
    ROW(ControllerPci, "model/@name", F_ENUM, model_name, F_ONCE, pci_model_names,
        "Name of the QEMU device that emulates the controller."),
    ROW_HAS(ControllerPci, "target/@chassisNr", F_U32, chassis_nr, F_ONCE, ANY_BASE,
            "Number of the bridge's chassis, which the guest's firmware tells slots apart by."),
    ROW_HAS(ControllerPci, "target/@chassis", F_U32, chassis, F_ONCE, ANY_BASE,
            "Number of the port's chassis, which the guest tells slots apart by."),
    ROW_HAS(ControllerPci, "target/@port", F_U32, port, F_ONCE, HEX_BARE(G_MAXUINT32),
            "Number of the port within its chassis."),
    ROW_HAS(ControllerPci, "target/@busNr", F_U32, bus_nr, F_ONCE, ANY_BASE,
            "Number of the first bus behind an expander."),
    ROW_HAS(ControllerPci, "target/@index", F_U32, index, F_ONCE, NULL,
            "Number of the PCI host bridge of pSeries."),
    ROW(ControllerPci, "target/@hotplug", F_ENUM, hotplug, F_ONCE, on_off,
        "Whether devices can be plugged while the guest runs."),
    ROW_HAS(ControllerPci, "target/@memReserve", F_U64, mem_reserve, 0, NULL,
            "KiB of memory window kept for what is plugged in later."),
    ROW_HAS(ControllerPci, "target/node", F_U32, node, 0, NULL,
            "NUMA cell of the guest that the expander belongs to."),
    ROW_END
};
static const Schema controller_pci_schema = { "controller", sizeof(ControllerPci),
                                              controller_pci_fields };

static const Field controller_driver_fields[] = {
    ROW(ControllerDriver, "driver/@queues", F_U32, queues, 0, NULL,
        "Number of request queues of a SCSI controller."),
    ROW(ControllerDriver, "driver/@cmd_per_lun", F_U32, cmd_per_lun, 0, NULL,
        "Most commands that are queued to one unit."),
    ROW(ControllerDriver, "driver/@max_sectors", F_U32, max_sectors, 0, NULL,
        "Most sectors that one command moves."),
    ROW(ControllerDriver, "driver/@ioeventfd", F_ENUM, ioeventfd, 0, on_off,
        "Whether a thread other than the vcpu's takes the guest's notifications."),
    ROW(ControllerDriver, "driver/@iothread", F_U32, iothread, 0, NULL,
        "Number of the iothread that does the controller's I/O."),
    ROW(ControllerDriver, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    ROW(ControllerDriver, "driver/iothreads/iothread", F_LIST, iothread_maps, 0,
        &iothread_map_schema, "Iothreads that serve the controller's queues."),
    ROW_END
};
static const Schema controller_driver_schema = { "driver", sizeof(ControllerDriver),
                                                 controller_driver_fields };

static const Field controller_fields[] = {
    ROW(ControllerDef, "@type", F_ENUM, type, F_ALWAYS, controller_types,
        "Kind of bus that the controller provides."),
    ROW_HAS(ControllerDef, "@index", F_U32, index, 0, RANGE(0, G_MAXINT32),
            "Number of the controller among those of its kind, from 0."),
    ROW(ControllerDef, "@model", F_ENUM, model, UNSUPPORTED, controller_models,
        "Model of the controller that the guest sees; without it the machine's usual one."),
    ROW_HAS(ControllerDef, "@ports", F_U32, ports, 0, NULL,
            "Number of ports that the controller has."),
    ROW_HAS(ControllerDef, "@vectors", F_U32, vectors, 0, NULL,
            "Number of interrupt (MSI-X) vectors of a virtio-serial controller."),
    WHEN(ControllerDef, type, BIT(CONTROLLER_PCI)),
    ROW(ControllerDef, "", F_PTR, pci, 0, &controller_pci_schema, NULL),
    WHEN_END,
    ROW(ControllerDef, "serial", F_STRING, serial, 0, NULL, "Serial number of an NVMe controller."),
    ROW(ControllerDef, "", F_PTR, driver, 0, &controller_driver_schema, NULL),
    INFO(ControllerDef),
    WHEN(ControllerDef, type, BIT(CONTROLLER_PCI)),
    ROW_HAS(ControllerDef, "pcihole64", F_SIZE, pcihole64, 0, &pcihole_size,
            "Size of the window above 4 GiB for the memory of PCI devices."),
    WHEN_END,
    ROW_END
};

static gboolean
controller_settle(gpointer def, GError **err)
{
    ControllerDef *controller = def;

    if (!controller->type)
        controller->type = CONTROLLER_IDE;
    return TRUE;
}

const Schema controller_schema = { "controller", sizeof(ControllerDef), controller_fields,
                                   controller_settle };

/* ---- input, hub */

const char *const input_types[] = { NULL,          "mouse", "tablet", "keyboard",
                                    "passthrough", "evdev", NULL };
const char *const input_buses[] = {
    NULL, "ps2", "usb", "xen", "parallels", "virtio", "none", NULL
};
static const char *const grabs[] = { NULL, "all", NULL };
static const char *const grab_toggles[] = {
    NULL, "ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock", NULL
};
static const char *const hub_types[] = { NULL, "usb", NULL };

static const Field input_fields[] = {
    ROW(InputDef, "@type", F_ENUM, type, UNSUPPORTED | F_MISSING(ERR_PLAIN), input_types,
        "Kind of input device that the guest sees."),
    ROW(InputDef, "@bus", F_ENUM, bus, UNSUPPORTED | F_READ, input_buses,
        "Bus that the input device is on."),
    WHEN(InputDef, type, ~BIT(INPUT_EVDEV)),
    ROW(InputDef, "@bus", F_ENUM, bus, F_WRITE, input_buses, NULL),
    WHEN_END,
    ROW(InputDef, "@model", F_ENUM, model, UNSUPPORTED, virtio_models,
        "Variant of virtio that the input device speaks."),
    VIRTIO(InputDef),
    WHEN(InputDef, type, BIT(INPUT_EVDEV)),
    ROW(InputDef, "source/@dev", F_STRING, evdev, F_REQUIRED | F_HELD, NULL,
        "Path of the host's event device, such as /dev/input/event3."),
    ROW(InputDef, "source/@grab", F_ENUM, grab, 0, grabs,
        "Whether one key combination grabs all input devices of the domain together."),
    ROW(InputDef, "source/@grabToggle", F_ENUM, grab_toggle, 0, grab_toggles,
        "Keys that move the input devices between host and guest."),
    ROW(InputDef, "source/@repeat", F_ENUM, repeat, 0, on_off,
        "Whether a key that is held down is repeated."),
    WHEN(InputDef, type, BIT(INPUT_PASSTHROUGH)),
    ROW(InputDef, "source/@evdev", F_STRING, evdev, F_REQUIRED | F_HELD, NULL,
        "Path of the host's event device, such as /dev/input/event3."),
    WHEN_END,
    INFO(InputDef),
    ROW_END
};

static gboolean
input_settle(gpointer def, GError **err)
{
    InputDef *input = def;
    gboolean passthrough = input->type == INPUT_PASSTHROUGH;

    if (input->bus == INPUT_PS2 && (passthrough || input->type == INPUT_EVDEV))
        return fail(err, ERR_PLAIN, "bus 'ps2' has no input of type '%s'",
                    input_types[input->type]);
    if (passthrough && input->bus && input->bus != INPUT_VIRTIO)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "input of type 'passthrough' needs bus 'virtio'");
    if (input->type == INPUT_EVDEV && input->bus && input->bus != INPUT_NO_BUS)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "input of type 'evdev' has no bus");
    if (!input->bus && input->type == INPUT_EVDEV)
        input->bus = INPUT_NO_BUS;
    if (!input->bus && input->type == INPUT_PASSTHROUGH)
        input->bus = INPUT_VIRTIO;
    return TRUE;
}

const Schema input_schema = { "input", sizeof(InputDef), input_fields, input_settle };

static const Field hub_fields[] = { ROW(HubDef, "@type", F_ENUM, type,
                                        UNSUPPORTED | F_MISSING(ERR_PLAIN), hub_types,
                                        "Bus of the hub; usb is the only one."),
                                    INFO(HubDef), ROW_END };
const Schema hub_schema = { "hub", sizeof(HubDef), hub_fields };

/* ---- sound */

static const char *const sound_models[] = { NULL,   "sb16", "es1370", "pcspk",  "ac97", "ich6",
                                            "ich9", "usb",  "ich7",   "virtio", NULL };
static const char *const codec_types[] = { NULL, "duplex", "micro", "output", NULL };

static const Field codec_fields[] = {
    ROW(SoundCodec, "@type", F_ENUM, type, UNSUPPORTED | F_MISSING(ERR_CONFIG_UNSUPPORTED),
        codec_types, "What the card's codec can do: play, record, or both."),
    ROW_END
};
static const Schema codec_schema = { "codec", sizeof(SoundCodec), codec_fields };

typedef struct AudioRef {
    guint32 id;
} AudioRef;

static const Field audio_ref_fields[] = {
    ROW(AudioRef, "@id", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of the audio backend that the sound card uses."),
    ROW_END
};
const Schema audio_ref_schema = { "audio", sizeof(AudioRef), audio_ref_fields };

static const Field sound_fields[] = {
    ROW(SoundDef, "@model", F_ENUM, model, F_REQUIRED, sound_models,
        "Model of the sound card that the guest sees."),
    WHEN(SoundDef, model, BIT(SOUND_USB)),
    ROW(SoundDef, "@multichannel", F_ENUM, multichannel, 0, yes_no,
        "Whether a USB card has more than two channels."),
    WHEN(SoundDef, model, BIT(SOUND_VIRTIO)),
    ROW(SoundDef, "@streams", F_U32, streams, 0, RANGE(1, 64),
        "Number of streams of a virtio sound card."),
    WHEN(SoundDef, model, BIT(SOUND_ICH6) | BIT(SOUND_ICH9)),
    ROW(SoundDef, "codec", F_LIST, codecs, 0, &codec_schema, "Codecs of an HD Audio controller."),
    WHEN_END,
    ROW(SoundDef, "audio", F_STRUCT, audio_id, 0, &audio_ref_schema,
        "The audio backend that the card uses."),
    INFO(SoundDef),
    VIRTIO(SoundDef),
    ROW_END
};

static gboolean
sound_settle(gpointer def, GError **err)
{
    SoundDef *sound = def;

    if (sound->model == SOUND_VIRTIO && !sound->streams)
        sound->streams = 2;
    if (sound->model != SOUND_VIRTIO)
        sound->virtio = (VirtioOptions){ 0 };
    return TRUE;
}

const Schema sound_schema = { "sound", sizeof(SoundDef), sound_fields, sound_settle };

const char *const audio_types[] = { NULL,   "none",       "alsa", "coreaudio", "jack",
                                    "oss",  "pulseaudio", "sdl",  "spice",     "file",
                                    "dbus", "pipewire",   NULL };
const char *const audio_formats[] = { NULL, "s8", "u8", "s16", "u16", "s32", "u32", "f32", NULL };
const char *const sdl_drivers[] = { NULL, "esd", "alsa", "arts", "pulseaudio", "coreaudio", NULL };

#define PIPE (BIT(AUDIO_PULSEAUDIO) | BIT(AUDIO_PIPEWIRE))

typedef struct AudioSettings {
    guint32 frequency, channels;
    int format;
} AudioSettings;
G_STATIC_ASSERT(G_STRUCT_OFFSET(AudioSide, format) - G_STRUCT_OFFSET(AudioSide, frequency) ==
                G_STRUCT_OFFSET(AudioSettings, format));

static const Field audio_settings_fields[] = {
    ROW(AudioSettings, "@frequency", F_U32, frequency, 0, RANGE(1, G_MAXUINT32),
        "Samples a second, in Hertz."),
    ROW(AudioSettings, "@channels", F_U32, channels, 0, RANGE(1, G_MAXUINT32),
        "Number of channels: 1 is mono, 2 is stereo."),
    ROW(AudioSettings, "@format", F_ENUM, format, 0, audio_formats,
        "Width of a sample in bits, and whether it is signed (s), unsigned (u) or "
        "floating point (f)."),
    ROW_END
};
static const Schema audio_settings_schema = { "settings", sizeof(AudioSettings),
                                              audio_settings_fields };

static const Field audio_side_fields[] = {
    ROW(AudioSide, "@mixingEngine", F_ENUM, mixing_engine, 0, yes_no,
        "Whether QEMU mixes streams and converts their format."),
    ROW(AudioSide, "@fixedSettings", F_ENUM, fixed_settings, 0, yes_no,
        "Whether the host's side keeps the settings given here, whatever the guest asks for."),
    ROW(AudioSide, "@voices", F_U32, voices, 0, RANGE(1, G_MAXUINT32),
        "Largest number of streams at a time."),
    ROW(AudioSide, "@bufferLength", F_U32, buffer_length, 0, RANGE(1, G_MAXUINT32),
        "Length of the buffer, in microseconds."),
    ROW(AudioSide, "@dev", F_STRING, dev, 0, NULL,
        "Name or path of the host's audio device, for ALSA and OSS."),
    ROW(AudioSide, "@name", F_STRING, name, 0, NULL,
        "Sink or source of the host, for PulseAudio and PipeWire."),
    ROW(AudioSide, "@streamName", F_STRING, stream_name, 0, NULL,
        "Name of the stream in the host's mixer."),
    ROW(AudioSide, "@latency", F_U32, latency, 0, RANGE(1, G_MAXUINT32),
        "Latency that is aimed at, in microseconds."),
    ROW(AudioSide, "@serverName", F_STRING, server_name, 0, NULL,
        "Name of the JACK server to connect to."),
    ROW(AudioSide, "@clientName", F_STRING, client_name, 0, NULL,
        "Name under which QEMU is known to the JACK server."),
    ROW(AudioSide, "@connectPorts", F_STRING, connect_ports, 0, NULL,
        "Regular expression of the JACK ports to connect to."),
    ROW(AudioSide, "@exactName", F_ENUM, exact_name, 0, yes_no,
        "Whether the start fails when the JACK client name is already in use."),
    ROW(AudioSide, "@bufferCount", F_U32, buffer_count, 0, NULL,
        "Number of buffers of the host's audio device."),
    ROW(AudioSide, "@tryPoll", F_ENUM, try_poll, 0, yes_no,
        "Whether QEMU waits for the device by poll, where that is possible."),
    WHEN(AudioSide, fixed_settings, BIT(YES)),
    ROW(AudioSide, "settings", F_STRUCT, frequency, F_ALWAYS, &audio_settings_schema,
        "Format of the samples on the host's side."),
    WHEN(AudioSide, fixed_settings, ~BIT(YES)),
    ROW(AudioSide, "settings", F_STRUCT, frequency, 0, &audio_settings_schema,
        "Format of the samples on the host's side."),
    WHEN_END,
    ROW_END
};
static const Schema audio_side_schema = { "input", sizeof(AudioSide), audio_side_fields };

static const Field audio_fields[] = {
    ROW(AudioDef, "@id", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of the backend, which sound cards name it by."),
    ROW(AudioDef, "@type", F_ENUM, type, F_REQUIRED, audio_types,
        "What the host plays and records with."),
    ROW(AudioDef, "@timerPeriod", F_U32, timer_period, 0, RANGE(1, G_MAXUINT32),
        "Time between two looks at the streams, in microseconds."),
    WHEN(AudioDef, type, BIT(AUDIO_FILE)),
    ROW(AudioDef, "@path", F_STRING, path, 0, NULL,
        "Path of the WAV file that the sound is written to."),
    WHEN(AudioDef, type, BIT(AUDIO_OSS)),
    ROW(AudioDef, "@tryMMap", F_ENUM, try_mmap, 0, yes_no,
        "Whether the device's buffer is mapped into memory, where that is possible."),
    ROW(AudioDef, "@exclusive", F_ENUM, exclusive, 0, yes_no,
        "Whether QEMU is the only program that can use the device."),
    ROW_HAS(AudioDef, "@dspPolicy", F_I32, dsp_policy, 0, RANGE(0, G_MAXINT32),
            "Timing of OSS, from 0 (least delay) to 10 (least work)."),
    WHEN(AudioDef, type, PIPE),
    ROW(AudioDef, "@serverName", F_STRING, server_name, 0, NULL,
        "Name or address of the PulseAudio server."),
    ROW(AudioDef, "@runtimeDir", F_STRING, runtime_dir, 0, NULL, "Folder of PipeWire's socket."),
    WHEN(AudioDef, type, BIT(AUDIO_SDL)),
    ROW(AudioDef, "@driver", F_ENUM, driver, 0, sdl_drivers, "Audio driver that SDL uses."),
    WHEN_END,
    ROW(AudioDef, "input", F_PTR, input, 0, &audio_side_schema,
        "How sound is recorded from the host."),
    ROW(AudioDef, "output", F_PTR, output, 0, &audio_side_schema,
        "How sound is played on the host."),
    ROW_END
};

static void
drop_silent(AudioSide **at)
{
    static const AudioSide silent;

    if (!*at || memcmp(*at, &silent, sizeof(silent)) != 0)
        return;
    schema_free(&audio_side_schema, *at);
    *at = NULL;
}

static gboolean
audio_settle(gpointer def, GError **err)
{
    AudioDef *audio = def;

    drop_silent(&audio->input);
    drop_silent(&audio->output);
    return TRUE;
}

const Schema audio_schema = { "audio", sizeof(AudioDef), audio_fields, audio_settle };

/* ---- all */

#define DEVICES(path, member, schema, doc) ROW(Devices, path, F_LIST, member, 0, &schema, doc)

static const Field devices_fields[] = {
    ROW(Devices, "emulator", F_STRING, emulator, 0, NULL,
        "Path of the QEMU binary that runs the domain; without it the host's usual one is "
        "taken."),
    DEVICES("disk", disks, disk_schema, "Disks, CD drives and floppy drives of the guest."),
    DEVICES("controller", controllers, controller_schema,
            "Controllers of the buses that devices are on."),
    DEVICES("lease", leases, lease_schema,
            "Leases of a lock manager that the domain holds while it runs."),
    DEVICES("filesystem", filesystems, filesystem_schema,
            "Folders of the host that the guest can mount."),
    DEVICES("interface", nets, net_schema, "Network cards of the guest."),
    DEVICES("smartcard", smartcards, smartcard_schema, "Smartcards that the guest can use."),
    DEVICES("serial", serials, serial_schema, "Serial ports of the guest."),
    DEVICES("parallel", parallels, parallel_schema, "Parallel ports of the guest."),
    DEVICES("console", consoles, console_schema, "Consoles of the guest."),
    DEVICES("channel", channels, channel_schema,
            "Channels between host and guest, such as that of the guest agent."),
    DEVICES("input", inputs, input_schema, "Keyboards, mice, tablets and other input devices."),
    DEVICES("tpm", tpms, tpm_schema, "Trusted platform module (TPM) of the guest."),
    DEVICES("graphics", graphics, graphics_schema,
            "Servers and windows that show the guest's screen."),
    DEVICES("sound", sounds, sound_schema, "Sound cards of the guest."),
    DEVICES("audio", audios, audio_schema, "Audio backends: how the host plays and records."),
    DEVICES("video", videos, video_schema, "Video cards of the guest."),
    DEVICES("hostdev", hostdevs, hostdev_schema, "Devices of the host that the guest gets."),
    DEVICES("redirdev", redirdevs, redirdev_schema,
            "USB devices of a viewer that are redirected to the guest."),
    ROW(Devices, "redirfilter", F_PTR, redirfilter, F_ONCE | F_ERR(ERR_PLAIN), &redirfilter_schema,
        "Rules of which USB devices may be redirected."),
    DEVICES("hub", hubs, hub_schema, "USB hubs of the guest."),
    DEVICES("watchdog", watchdogs, watchdog_schema, "Watchdogs that act when the guest hangs."),
    ROW(Devices, "memballoon", F_PTR, balloon, F_ONCE | F_ERR(ERR_PLAIN), &memballoon_schema,
        "Balloon by which the guest gives memory back to the host."),
    DEVICES("rng", rngs, rng_schema, "Random number generators of the guest."),
    ROW(Devices, "nvram", F_PTR, nvram, F_ONCE, &nvram_device_schema, "NVRAM device of pSeries."),
    DEVICES("panic", panics, panic_schema,
            "Devices through which the guest reports that it has crashed."),
    DEVICES("shmem", shmems, shmem_schema,
            "Memory that the guest shares with other guests or programs (ivshmem)."),
    DEVICES("memory", memories, memory_schema, "Memory modules that are plugged in."),
    DEVICES("crypto", cryptos, crypto_schema, "Devices that encrypt for the guest."),
    DEVICES("iommu", iommus, iommu_schema, "IOMMUs that the guest sees."),
    ROW(Devices, "vsock", F_PTR, vsock, F_ONCE, &vsock_schema,
        "Socket device (vsock) for connections between host and guest."),
    ROW(Devices, "pstore", F_PTR, pstore, F_ONCE, &pstore_schema,
        "Storage that keeps the guest's last messages after a crash."),
    ROW_END
};
const Schema devices_schema = { "devices", sizeof(Devices), devices_fields };
