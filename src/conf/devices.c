/* Rows of controllers, character devices, input, graphics, video and sound, and the list of all. */
#include "conf.h"

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

#define INFO(type)   ROW(type, "", F_STRUCT, info, 0, &device_info_schema, NULL)
#define VIRTIO(type) ROW(type, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL)

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
    ROW(ControllerPci, "model/@name", F_ENUM, model_name, 0, pci_model_names, "QEMU's device."),
    ROW_HAS(ControllerPci, "target/@chassisNr", F_U32, chassis_nr, 0, RANGE(1, 255),
            "Of a bridge."),
    ROW_HAS(ControllerPci, "target/@chassis", F_U32, chassis, 0, RANGE(0, 255), "Of a port."),
    ROW_HAS(ControllerPci, "target/@port", F_U32, port, 0, HEX_BARE(255), "Number of a port."),
    ROW_HAS(ControllerPci, "target/@busNr", F_U32, bus_nr, 0, RANGE(1, 254), "First bus number."),
    ROW_HAS(ControllerPci, "target/@index", F_U32, index, 0, RANGE(0, 31), "Of a host bridge."),
    ROW(ControllerPci, "target/@hotplug", F_ENUM, hotplug, 0, on_off, "Whether devices can come."),
    ROW_HAS(ControllerPci, "target/node", F_U32, node, 0, NULL, "NUMA node of an expander."),
    ROW_END
};
static const Schema controller_pci_schema = { "controller", sizeof(ControllerPci),
                                              controller_pci_fields };

static const Field controller_driver_fields[] = {
    ROW(ControllerDriver, "driver/@queues", F_U32, queues, 0, NULL, "Virtqueues."),
    ROW(ControllerDriver, "driver/@cmd_per_lun", F_U32, cmd_per_lun, 0, NULL, "Commands queued."),
    ROW(ControllerDriver, "driver/@max_sectors", F_U32, max_sectors, 0, NULL, "Of one command."),
    ROW(ControllerDriver, "driver/@ioeventfd", F_ENUM, ioeventfd, 0, on_off, "Notify by eventfd."),
    ROW(ControllerDriver, "driver/@iothread", F_U32, iothread, 0, RANGE(1, G_MAXUINT32),
        "The iothread that serves it."),
    ROW(ControllerDriver, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    ROW(ControllerDriver, "driver/iothreads/iothread", F_LIST, iothread_maps, 0,
        &iothread_map_schema, "Iothreads by queue."),
    ROW_END
};
static const Schema controller_driver_schema = { "driver", sizeof(ControllerDriver),
                                                 controller_driver_fields };

static const Field controller_fields[] = {
    ROW(ControllerDef, "@type", F_ENUM, type, F_ALWAYS, controller_types, "Kind of bus."),
    ROW_HAS(ControllerDef, "@index", F_U32, index, 0, NULL, "Number among its kind."),
    ROW(ControllerDef, "@model", F_ENUM, model, UNSUPPORTED, controller_models, "Model."),
    ROW_HAS(ControllerDef, "@ports", F_U32, ports, 0, NULL, "Ports."),
    ROW_HAS(ControllerDef, "@vectors", F_U32, vectors, 0, NULL, "MSI vectors."),
    WHEN(ControllerDef, type, BIT(CONTROLLER_PCI)),
    ROW(ControllerDef, "", F_PTR, pci, 0, &controller_pci_schema, NULL),
    WHEN_END,
    ROW(ControllerDef, "serial", F_STRING, serial, 0, NULL, "Serial number of an NVMe."),
    ROW(ControllerDef, "", F_PTR, driver, 0, &controller_driver_schema, NULL),
    WHEN(ControllerDef, type, BIT(CONTROLLER_PCI)),
    ROW_HAS(ControllerDef, "pcihole64", F_SIZE, pcihole64, 0, &pcihole_size,
            "Size of the 64 bit window."),
    WHEN_END,
    INFO(ControllerDef),
    ROW_END
};
const Schema controller_schema = { "controller", sizeof(ControllerDef), controller_fields };

/* ---- serial, parallel, console, channel */

const char *const serial_targets[] = { NULL,          "isa-serial",       "usb-serial",
                                       "pci-serial",  "spapr-vio-serial", "system-serial",
                                       "sclp-serial", "isa-debug",        NULL };
const char *const serial_models[] = { NULL,        "isa-serial",   "usb-serial",  "pci-serial",
                                      "spapr-vty", "pl011",        "sclpconsole", "sclplmconsole",
                                      "16550a",    "isa-debugcon", NULL };
const char *const console_targets[] = { NULL,  "serial", "xen",  "uml",    "virtio",
                                        "lxc", "openvz", "sclp", "sclplm", NULL };
static const char *const channel_targets[] = { NULL, "guestfwd", "virtio", "xen", NULL };
static const char *const channel_states[] = { NULL, "connected", "disconnected", NULL };

#define CHAR_TYPE                                                                                  \
    ROW(CharDef, "@type", F_ENUM, source.type, UNSUPPORTED | F_ALWAYS, char_types,                 \
        "Kind of the host's end.")
#define CHAR_TTY    ROW(CharDef, "@tty", F_STRING, tty, F_LIVE, NULL, "Path of the pty.")
#define CHAR_SOURCE ROW(CharDef, "", F_STRUCT, source, 0, &char_source_schema, NULL)
#define CHAR_PORT                                                                                  \
    ROW_HAS(CharDef, "target/@port", F_I32, port, F_ERR(ERR_INTERNAL), NULL, "Number of the port.")

static const Field serial_fields[] = {
    CHAR_TYPE,
    CHAR_SOURCE,
    ROW(CharDef, "target/@type", F_ENUM, target_type, UNSUPPORTED, serial_targets, "Kind of port."),
    CHAR_PORT,
    ROW(CharDef, "target/model/@name", F_ENUM, target_model, UNSUPPORTED, serial_models, "Model."),
    INFO(CharDef),
    ROW_END
};
const Schema serial_schema = { "serial", sizeof(CharDef), serial_fields };

static const Field parallel_fields[] = { CHAR_TYPE, CHAR_SOURCE, CHAR_PORT, INFO(CharDef),
                                         ROW_END };
const Schema parallel_schema = { "parallel", sizeof(CharDef), parallel_fields };

static const Field console_fields[] = { CHAR_TYPE,
                                        CHAR_TTY,
                                        CHAR_SOURCE,
                                        ROW(CharDef, "target/@type", F_ENUM, target_type,
                                            UNSUPPORTED, console_targets, "What the guest sees."),
                                        CHAR_PORT,
                                        INFO(CharDef),
                                        ROW_END };
const Schema console_schema = { "console", sizeof(CharDef), console_fields };

static const Field channel_fields[] = {
    CHAR_TYPE,
    CHAR_SOURCE,
    ROW(CharDef, "target/@type", F_ENUM, target_type, UNSUPPORTED | F_REQUIRED, channel_targets,
        "Kind of channel."),
    WHEN(CharDef, target_type, BIT(CHANNEL_GUESTFWD)),
    ROW(CharDef, "target/@address", F_STRING, address, F_REQUIRED, NULL, "Address in the guest."),
    ROW(CharDef, "target/@port", F_STRING, guest_port, F_REQUIRED, NULL, "Port in the guest."),
    WHEN(CharDef, target_type, BIT(CHANNEL_VIRTIO) | BIT(CHANNEL_XEN)),
    ROW(CharDef, "target/@name", F_STRING, name, 0, NULL, "Name of the port in the guest."),
    ROW(CharDef, "target/@state", F_ENUM, state, F_LIVE, channel_states, "Whether it is open."),
    WHEN_END,
    INFO(CharDef),
    ROW_END
};
const Schema channel_schema = { "channel", sizeof(CharDef), channel_fields };

/* ---- smartcard, redirdev */

static const char *const smartcard_modes[] = { NULL, "host", "host-certificates", "passthrough",
                                               NULL };
static const char *const redir_buses[] = { NULL, "usb", NULL };

static const Field smartcard_fields[] = {
    ROW(SmartcardDef, "@mode", F_ENUM, mode, F_REQUIRED | UNSUPPORTED, smartcard_modes,
        "Where the card is."),
    WHEN(SmartcardDef, mode, BIT(SMARTCARD_HOST_CERTIFICATES)),
    ROW(SmartcardDef, "certificate", F_STRINGS, certificates, 0, NULL, "Certificates; three."),
    ROW(SmartcardDef, "database", F_STRING, database, 0, NULL, "Folder of the NSS database."),
    WHEN(SmartcardDef, mode, BIT(SMARTCARD_PASSTHROUGH)),
    ROW(SmartcardDef, "@type", F_ENUM, source.type, F_REQUIRED | UNSUPPORTED, char_types,
        "Kind of the host's end."),
    ROW(SmartcardDef, "", F_STRUCT, source, 0, &char_source_schema, NULL),
    WHEN_END,
    INFO(SmartcardDef),
    ROW_END
};
const Schema smartcard_schema = { "smartcard", sizeof(SmartcardDef), smartcard_fields };

static const Field redirdev_fields[] = {
    ROW(RedirDef, "@bus", F_ENUM, bus, F_REQUIRED | UNSUPPORTED, redir_buses, "Bus; usb."),
    ROW(RedirDef, "@type", F_ENUM, source.type, F_REQUIRED | UNSUPPORTED, char_types,
        "Kind of the host's end."),
    ROW(RedirDef, "", F_STRUCT, source, 0, &char_source_schema, NULL), INFO(RedirDef), ROW_END
};
const Schema redirdev_schema = { "redirdev", sizeof(RedirDef), redirdev_fields };

static const Field redirfilter_rule_fields[] = {
    ROW(RedirFilterRule, "@class", F_STRING, class_, 0, NULL, "USB class."),
    ROW(RedirFilterRule, "@vendor", F_STRING, vendor, 0, NULL, "Vendor."),
    ROW(RedirFilterRule, "@product", F_STRING, product, 0, NULL, "Product."),
    ROW(RedirFilterRule, "@version", F_STRING, version, 0, NULL, "Version."),
    ROW(RedirFilterRule, "@allow", F_ENUM, allow, F_REQUIRED, yes_no, "Allow or deny."),
    ROW_END
};
static const Schema redirfilter_rule_schema = { "usbdev", sizeof(RedirFilterRule),
                                                redirfilter_rule_fields };
static const Field redirfilter_fields[] = { ROW(RedirFilter, "usbdev", F_LIST, rules, 0,
                                                &redirfilter_rule_schema, "Rules, in order."),
                                            ROW_END };
const Schema redirfilter_schema = { "redirfilter", sizeof(RedirFilter), redirfilter_fields };

/* ---- input, hub */

static const char *const input_types[] = { NULL,          "mouse", "tablet", "keyboard",
                                           "passthrough", "evdev", NULL };
static const char *const input_buses[] = { NULL,        "ps2",    "usb",  "xen",
                                           "parallels", "virtio", "none", NULL };
static const char *const grabs[] = { NULL, "all", NULL };
static const char *const grab_toggles[] = {
    NULL, "ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock", NULL
};
static const char *const hub_types[] = { NULL, "usb", NULL };

static const Field input_fields[] = {
    ROW(InputDef, "@type", F_ENUM, type, UNSUPPORTED | F_MISSING(ERR_INTERNAL), input_types,
        "Kind of input."),
    ROW(InputDef, "@bus", F_ENUM, bus, UNSUPPORTED, input_buses, "Bus."),
    ROW(InputDef, "@model", F_ENUM, model, UNSUPPORTED, virtio_models, "Model of a virtio input."),
    ROW(InputDef, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    INFO(InputDef),
    WHEN(InputDef, type, BIT(INPUT_EVDEV)),
    ROW(InputDef, "source/@dev", F_STRING, evdev, F_REQUIRED, NULL, "Event device of the host."),
    WHEN(InputDef, type, BIT(INPUT_PASSTHROUGH)),
    ROW(InputDef, "source/@evdev", F_STRING, evdev, F_REQUIRED, NULL, "Event device of the host."),
    WHEN_END,
    ROW(InputDef, "source/@grab", F_ENUM, grab, 0, grabs, "Grab all input devices together."),
    ROW(InputDef, "source/@grabToggle", F_ENUM, grab_toggle, 0, grab_toggles, "Key to let go."),
    ROW(InputDef, "source/@repeat", F_ENUM, repeat, 0, on_off, "Repeat keys."),
    ROW_END
};
const Schema input_schema = { "input", sizeof(InputDef), input_fields };

static const Field hub_fields[] = { ROW(HubDef, "@type", F_ENUM, type, F_REQUIRED | UNSUPPORTED,
                                        hub_types, "Bus; usb."),
                                    INFO(HubDef), ROW_END };
const Schema hub_schema = { "hub", sizeof(HubDef), hub_fields };

/* ---- graphics */

static const char *const graphics_types[] = { NULL,    "sdl",          "vnc",  "rdp", "desktop",
                                              "spice", "egl-headless", "dbus", NULL };
static const char *const listen_types[] = { NULL, "none", "address", "network", "socket", NULL };
static const char *const connected_words[] = { NULL, "fail", "disconnect", "keep", NULL };
static const char *const share_policies[] = { NULL, "allow-exclusive", "force-shared", "ignore",
                                              NULL };
static const char *const spice_modes[] = { NULL, "secure", "insecure", "any", NULL };
static const char *const spice_channels[] = { NULL,       "main",     "display", "inputs",
                                              "cursor",   "playback", "record",  "smartcard",
                                              "usbredir", NULL };
static const char *const image_compressions[] = { NULL,  "auto_glz", "auto_lz", "quic",
                                                  "glz", "lz",       "off",     NULL };
static const char *const jpeg_compressions[] = { NULL, "auto", "never", "always", NULL };
static const char *const streaming_modes[] = { NULL, "filter", "all", "off", NULL };
static const char *const spice_mouse_modes[] = { NULL, "server", "client", NULL };

static const Field listen_fields[] = {
    ROW(GraphicsListen, "@type", F_ENUM, type, F_REQUIRED, listen_types, "Kind of listen."),
    ROW(GraphicsListen, "@address", F_STRING, address, F_NONEMPTY, NULL, "Address."),
    ROW(GraphicsListen, "@network", F_STRING, network, F_NONEMPTY, NULL, "Network to take it of."),
    ROW(GraphicsListen, "@socket", F_STRING, socket, F_NONEMPTY, NULL, "Path of a socket."), ROW_END
};
static const Schema listen_schema = { "listen", sizeof(GraphicsListen), listen_fields };

static const Field spice_channel_fields[] = {
    ROW(SpiceChannel, "@name", F_ENUM, name, F_REQUIRED, spice_channels, "Channel."),
    ROW(SpiceChannel, "@mode", F_ENUM, mode, F_REQUIRED, spice_modes, "Its security."), ROW_END
};
static const Schema spice_channel_schema = { "channel", sizeof(SpiceChannel),
                                             spice_channel_fields };

static const Field spice_fields[] = {
    ROW(SpiceOptions, "@defaultMode", F_ENUM, default_mode, 0, spice_modes, "Of all channels."),
    ROW(SpiceOptions, "channel", F_LIST, channels, 0, &spice_channel_schema, "Of one channel."),
    ROW(SpiceOptions, "image/@compression", F_ENUM, image_compression, 0, image_compressions,
        "Of images."),
    ROW(SpiceOptions, "jpeg/@compression", F_ENUM, jpeg, 0, jpeg_compressions, "Of photographs."),
    ROW(SpiceOptions, "zlib/@compression", F_ENUM, zlib, 0, jpeg_compressions, "Over slow links."),
    ROW(SpiceOptions, "playback/@compression", F_ENUM, playback, 0, on_off, "Of sound."),
    ROW(SpiceOptions, "streaming/@mode", F_ENUM, streaming, 0, streaming_modes, "Of video."),
    ROW(SpiceOptions, "clipboard/@copypaste", F_ENUM, copypaste, 0, yes_no, "Share the clipboard."),
    ROW(SpiceOptions, "mouse/@mode", F_ENUM, mouse, 0, spice_mouse_modes, "Who moves the pointer."),
    ROW(SpiceOptions, "filetransfer/@enable", F_ENUM, filetransfer, 0, yes_no, "Drag and drop."),
    ROW_END
};
static const Schema spice_schema = { "graphics", sizeof(SpiceOptions), spice_fields };

#define NETWORKED (BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE) | BIT(GRAPHICS_RDP))

static const Field graphics_fields[] = {
    ROW(GraphicsDef, "@type", F_ENUM, type, F_REQUIRED | UNSUPPORTED, graphics_types, "Protocol."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW_HAS(GraphicsDef, "@port", F_I32, port, F_ERR(ERR_INTERNAL), NULL, "Port; -1: any."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW_HAS(GraphicsDef, "@tlsPort", F_I32, tls_port, F_ERR(ERR_INTERNAL), NULL, "Port of TLS."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@autoport", F_ENUM, autoport, 0, yes_no, "Pick a port at start."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_VNC)),
    ROW_HAS(GraphicsDef, "@websocket", F_I32, websocket, F_ERR(ERR_INTERNAL), NULL,
            "Port of WebSockets; -1: any."),
    ROW(GraphicsDef, "@socket", F_STRING, socket, F_NONEMPTY, NULL, "Path of a socket."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@listen", F_STRING, listen, F_NONEMPTY, NULL, "Address of the first listen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_RDP)),
    ROW(GraphicsDef, "@replaceUser", F_ENUM, replace_user, 0, yes_no, "A second one takes over."),
    ROW(GraphicsDef, "@multiUser", F_ENUM, multi_user, 0, yes_no, "Several at a time."),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "@keymap", F_STRING, keymap, 0, NULL, "Keyboard layout."),
    ROW(GraphicsDef, "@sharePolicy", F_ENUM, share_policy, 0, share_policies, "Of VNC."),
    ROW(GraphicsDef, "@powerControl", F_ENUM, power_control, 0, yes_no, "Viewers may power off."),
    ROW(GraphicsDef, "@username", F_STRING, username, 0, NULL, "User of RDP."),
    ROW(GraphicsDef, "@passwd", F_STRING, passwd, F_SECRET, NULL, "Password."),
    ROW(GraphicsDef, "@passwdValidTo", F_STRING, passwd_valid_to, F_SECRET, NULL, "Its end."),
    ROW(GraphicsDef, "@connected", F_ENUM, connected, 0, connected_words,
        "What a new password does to who is connected."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SDL) | BIT(GRAPHICS_DESKTOP)),
    ROW(GraphicsDef, "@display", F_STRING, display, 0, NULL, "X display."),
    ROW(GraphicsDef, "@xauth", F_STRING, xauth, 0, NULL, "X authority."),
    ROW(GraphicsDef, "@fullscreen", F_ENUM, fullscreen, 0, yes_no, "Whole screen."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_DBUS)),
    ROW(GraphicsDef, "@address", F_STRING, dbus_address, 0, NULL, "Address of the bus."),
    ROW(GraphicsDef, "@p2p", F_ENUM, p2p, 0, yes_no, "Peer to peer."),
    WHEN(GraphicsDef, type, BIT(GRAPHICS_SPICE)),
    ROW(GraphicsDef, "", F_PTR, spice, 0, &spice_schema, NULL),
    WHEN(GraphicsDef, type, NETWORKED),
    ROW(GraphicsDef, "listen", F_LIST, listens, 0, &listen_schema, "Where to listen."),
    WHEN_END,
    ROW(GraphicsDef, "gl/@enable", F_ENUM, gl, 0, yes_no, "OpenGL."),
    ROW(GraphicsDef, "gl/@rendernode", F_STRING, rendernode, 0, NULL, "DRM device to render on."),
    ROW(GraphicsDef, "audio/@id", F_U32, audio_id, 0, RANGE(1, G_MAXUINT32), "Audio backend."),
    ROW_END
};
const Schema graphics_schema = { "graphics", sizeof(GraphicsDef), graphics_fields };

/* ---- video */

const char *const video_types[] = { NULL,   "vga",   "cirrus",    "vmvga",  "xen",
                                    "vbox", "qxl",   "parallels", "virtio", "gop",
                                    "none", "bochs", "ramfb",     NULL };
static const char *const vgaconfs[] = { NULL, "io", "on", "off", NULL };
static const char *const video_drivers[] = { NULL, "qemu", "vhostuser", NULL };

static const Field video_fields[] = {
    ROW(VideoDef, "driver/@name", F_ENUM, driver_name, 0, video_drivers, "Who renders."),
    ROW(VideoDef, "driver/@vgaconf", F_ENUM, vgaconf, 0, vgaconfs, "VGA legacy mode."),
    VIRTIO(VideoDef),
    ROW(VideoDef, "model/@type", F_ENUM, type, UNSUPPORTED | F_DEFAULT, video_types, "Model."),
    ROW(VideoDef, "model/@ram", F_U32, ram, 0, NULL, "KiB of the first bar."),
    ROW(VideoDef, "model/@vram", F_U32, vram, 0, NULL, "KiB of video memory."),
    ROW(VideoDef, "model/@vram64", F_U32, vram64, 0, NULL, "KiB of the 64 bit bar."),
    ROW(VideoDef, "model/@vgamem", F_U32, vgamem, 0, NULL, "KiB of the framebuffer."),
    ROW(VideoDef, "model/@heads", F_U32, heads, 0, NULL, "Screens."),
    ROW(VideoDef, "model/@primary", F_ENUM, primary, 0, yes_no, "The first screen."),
    ROW(VideoDef, "model/@blob", F_ENUM, blob, 0, on_off, "Blob resources."),
    ROW(VideoDef, "model/@edid", F_ENUM, edid, 0, on_off, "EDID."),
    ROW(VideoDef, "model/acceleration/@accel2d", F_ENUM, accel2d, 0, yes_no, "2D acceleration."),
    ROW(VideoDef, "model/acceleration/@accel3d", F_ENUM, accel3d, 0, yes_no, "3D acceleration."),
    ROW(VideoDef, "model/acceleration/@rendernode", F_STRING, rendernode, 0, NULL, "DRM device."),
    ROW(VideoDef, "model/resolution/@x", F_U32, res_x, 0, RANGE(1, G_MAXUINT32), "Pixels."),
    ROW(VideoDef, "model/resolution/@y", F_U32, res_y, 0, RANGE(1, G_MAXUINT32), "Pixels."),
    INFO(VideoDef),
    ROW_END
};
const Schema video_schema = { "video", sizeof(VideoDef), video_fields };

/* ---- sound */

static const char *const sound_models[] = { NULL,   "sb16", "es1370", "pcspk",  "ac97", "ich6",
                                            "ich9", "usb",  "ich7",   "virtio", NULL };
static const char *const codec_types[] = { NULL, "duplex", "micro", "output", NULL };

static const Field codec_fields[] = {
    ROW(SoundCodec, "@type", F_ENUM, type, F_REQUIRED | UNSUPPORTED, codec_types, "Codec."), ROW_END
};
static const Schema codec_schema = { "codec", sizeof(SoundCodec), codec_fields };

static const Field sound_fields[] = {
    ROW(SoundDef, "@model", F_ENUM, model, F_REQUIRED, sound_models, "Model."),
    ROW(SoundDef, "@multichannel", F_ENUM, multichannel, 0, yes_no, "More than two channels."),
    ROW(SoundDef, "@streams", F_U32, streams, 0, RANGE(1, 64), "Streams of a virtio sound card."),
    ROW(SoundDef, "codec", F_LIST, codecs, 0, &codec_schema, "Codecs of an HD audio device."),
    ROW(SoundDef, "audio/@id", F_U32, audio_id, 0, RANGE(1, G_MAXUINT32), "Audio backend."),
    VIRTIO(SoundDef),
    INFO(SoundDef),
    ROW_END
};
const Schema sound_schema = { "sound", sizeof(SoundDef), sound_fields };

const char *const audio_types[] = { NULL,   "none",       "alsa", "coreaudio", "jack",
                                    "oss",  "pulseaudio", "sdl",  "spice",     "file",
                                    "dbus", "pipewire",   NULL };
const char *const audio_formats[] = { NULL, "s8", "u8", "s16", "u16", "s32", "u32", "f32", NULL };
static const char *const sdl_drivers[] = { NULL,         "esd",       "alsa", "arts",
                                           "pulseaudio", "coreaudio", NULL };

#define PIPE (BIT(AUDIO_PULSEAUDIO) | BIT(AUDIO_PIPEWIRE))

static const Field audio_side_fields[] = {
    ROW(AudioSide, "@mixingEngine", F_ENUM, mixing_engine, 0, yes_no, "Mix in QEMU."),
    ROW(AudioSide, "@fixedSettings", F_ENUM, fixed_settings, 0, yes_no, "Settings are fixed."),
    ROW(AudioSide, "@voices", F_U32, voices, 0, RANGE(1, G_MAXUINT32), "Voices."),
    ROW(AudioSide, "@bufferLength", F_U32, buffer_length, 0, RANGE(1, G_MAXUINT32),
        "Microseconds."),
    ROW(AudioSide, "@dev", F_STRING, dev, 0, NULL, "Device (alsa, oss)."),
    ROW(AudioSide, "@name", F_STRING, name, 0, NULL, "Sink or source (pulseaudio, pipewire)."),
    ROW(AudioSide, "@streamName", F_STRING, stream_name, 0, NULL, "Name of the stream."),
    ROW(AudioSide, "@latency", F_U32, latency, 0, RANGE(1, G_MAXUINT32), "Microseconds."),
    ROW(AudioSide, "@serverName", F_STRING, server_name, 0, NULL, "JACK server."),
    ROW(AudioSide, "@clientName", F_STRING, client_name, 0, NULL, "JACK client."),
    ROW(AudioSide, "@connectPorts", F_STRING, connect_ports, 0, NULL, "JACK ports, by pattern."),
    ROW(AudioSide, "@exactName", F_ENUM, exact_name, 0, yes_no, "Fail when the name is taken."),
    ROW(AudioSide, "@bufferCount", F_U32, buffer_count, 0, RANGE(1, G_MAXUINT32), "Buffers."),
    ROW(AudioSide, "@tryPoll", F_ENUM, try_poll, 0, yes_no, "Poll."),
    ROW(AudioSide, "settings/@frequency", F_U32, frequency, 0, RANGE(1, G_MAXUINT32), "Hertz."),
    ROW(AudioSide, "settings/@channels", F_U32, channels, 0, RANGE(1, G_MAXUINT32), "Channels."),
    ROW(AudioSide, "settings/@format", F_ENUM, format, 0, audio_formats, "Sample format."),
    ROW_END
};
static const Schema audio_side_schema = { "input", sizeof(AudioSide), audio_side_fields };

static const Field audio_fields[] = {
    ROW(AudioDef, "@id", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32), "Number of the backend."),
    ROW(AudioDef, "@type", F_ENUM, type, F_REQUIRED, audio_types, "Backend."),
    ROW(AudioDef, "@timerPeriod", F_U32, timer_period, 0, NULL, "Microseconds."),
    WHEN(AudioDef, type, BIT(AUDIO_FILE)),
    ROW(AudioDef, "@path", F_STRING, path, 0, NULL, "File to write."),
    WHEN(AudioDef, type, BIT(AUDIO_OSS)),
    ROW(AudioDef, "@tryMMap", F_ENUM, try_mmap, 0, yes_no, "Map the device."),
    ROW(AudioDef, "@exclusive", F_ENUM, exclusive, 0, yes_no, "Use it alone."),
    ROW_HAS(AudioDef, "@dspPolicy", F_I32, dsp_policy, 0, NULL, "Timing policy."),
    WHEN(AudioDef, type, PIPE),
    ROW(AudioDef, "@serverName", F_STRING, server_name, 0, NULL, "Server."),
    ROW(AudioDef, "@runtimeDir", F_STRING, runtime_dir, 0, NULL, "Folder of PipeWire's socket."),
    WHEN(AudioDef, type, BIT(AUDIO_SDL)),
    ROW(AudioDef, "@driver", F_ENUM, driver, 0, sdl_drivers, "Driver of SDL."),
    WHEN_END,
    ROW(AudioDef, "input", F_PTR, input, 0, &audio_side_schema, "Recording."),
    ROW(AudioDef, "output", F_PTR, output, 0, &audio_side_schema, "Playback."),
    ROW_END
};
const Schema audio_schema = { "audio", sizeof(AudioDef), audio_fields };

/* ---- all */

#define DEVICES(path, member, schema) ROW(Devices, path, F_LIST, member, 0, &schema, NULL)

static const Field devices_fields[] = {
    ROW(Devices, "emulator", F_STRING, emulator, 0, NULL, "Path of the QEMU binary."),
    DEVICES("disk", disks, disk_schema),
    DEVICES("controller", controllers, controller_schema),
    DEVICES("lease", leases, lease_schema),
    DEVICES("filesystem", filesystems, filesystem_schema),
    DEVICES("interface", nets, net_schema),
    DEVICES("smartcard", smartcards, smartcard_schema),
    DEVICES("serial", serials, serial_schema),
    DEVICES("parallel", parallels, parallel_schema),
    DEVICES("console", consoles, console_schema),
    DEVICES("channel", channels, channel_schema),
    DEVICES("input", inputs, input_schema),
    DEVICES("tpm", tpms, tpm_schema),
    DEVICES("graphics", graphics, graphics_schema),
    DEVICES("sound", sounds, sound_schema),
    DEVICES("audio", audios, audio_schema),
    DEVICES("video", videos, video_schema),
    DEVICES("hostdev", hostdevs, hostdev_schema),
    DEVICES("redirdev", redirdevs, redirdev_schema),
    ROW(Devices, "redirfilter", F_PTR, redirfilter, 0, &redirfilter_schema, NULL),
    DEVICES("hub", hubs, hub_schema),
    DEVICES("watchdog", watchdogs, watchdog_schema),
    ROW(Devices, "memballoon", F_PTR, balloon, F_ONCE, &memballoon_schema, NULL),
    DEVICES("rng", rngs, rng_schema),
    ROW(Devices, "nvram", F_PTR, nvram, F_ONCE, &nvram_device_schema, NULL),
    DEVICES("panic", panics, panic_schema),
    DEVICES("shmem", shmems, shmem_schema),
    DEVICES("memory", memories, memory_schema),
    DEVICES("iommu", iommus, iommu_schema),
    ROW(Devices, "vsock", F_PTR, vsock, F_ONCE, &vsock_schema, NULL),
    DEVICES("crypto", cryptos, crypto_schema),
    ROW(Devices, "pstore", F_PTR, pstore, F_ONCE, &pstore_schema, NULL),
    ROW_END
};
const Schema devices_schema = { "devices", sizeof(Devices), devices_fields };
