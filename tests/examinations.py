"""Volumes written as DICOM, with a patient's name, as scanners do."""

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

PRIVATE = {
    "PatientName": "Doe^Jane", "PatientID": "MRN-4711", "PatientBirthDate": "19610203", "StudyDate": "20190405",
    "InstitutionName": "St Elsewhere", "AccessionNumber": "A-998877",
}  # fmt: skip
# As scanners set them, in ms; the description is what a technician types.
PROTOCOLS = {
    "flair": {"SeriesDescription": "ax dark fluid", "RepetitionTime": 9000, "EchoTime": 120, "InversionTime": 2500},
    "t1": {"SeriesDescription": "se t1 tra", "RepetitionTime": 550, "EchoTime": 12},
    "t1ce": {
        "SeriesDescription": "se t1 tra", "RepetitionTime": 550, "EchoTime": 12, "ContrastBolusAgent": "Gadolinium",
    },
    "t2": {"SeriesDescription": "tse tra", "RepetitionTime": 4500, "EchoTime": 100},
}  # fmt: skip

# Of a multi-frame image, what is said of each frame and of all: sequence, name, and the name in slices.
OF_FRAMES = {"PlanePositionSequence": ("ImagePositionPatient", "ImagePositionPatient")}
OF_ALL = {
    "PlaneOrientationSequence": ("ImageOrientationPatient", "ImageOrientationPatient"),
    "PixelMeasuresSequence": ("PixelSpacing", "PixelSpacing"),
    "MRTimingAndRelatedParametersSequence": ("RepetitionTime", "RepetitionTime"),
    "MREchoSequence": ("EffectiveEchoTime", "EchoTime"),
    "MRModifierSequence": ("InversionTimes", "InversionTime"),
}


def write_series(folder, values, affine, number=1, study="1.2.3", syntax=ExplicitVRLittleEndian, **fields):
    """Write a volume as DICOM slices, one file each, in shuffled order, and return the files by slice."""
    folder.mkdir(parents=True, exist_ok=True)
    world = np.diag([-1, -1, 1, 1]) @ affine
    size = np.linalg.norm(world[:3, :3], axis=0)
    series, files = generate_uid(), []
    names = np.random.default_rng(number).permutation(values.shape[2])
    for z in range(values.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"IM{number:03d}{names[z]:04d}"
        image = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, study + ".1"
        image.Modality, image.SeriesNumber, image.InstanceNumber = "MR", number, z + 1
        image.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        image.ImageOrientationPatient = np.concatenate([world[:3, 0] / size[0], world[:3, 1] / size[1]]).tolist()
        image.ImagePositionPatient = (world @ [0, 0, z, 1])[:3].tolist()
        image.PixelSpacing, image.SliceThickness = [size[1], size[0]], size[2]
        image.Columns, image.Rows = values.shape[:2]
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelData = np.clip(values[:, :, z].T, 0, 65535).astype("<u2").tobytes()
        for name, value in (PRIVATE | fields).items():
            setattr(image, name, value)
        if syntax != ExplicitVRLittleEndian:
            image.compress(syntax)
        image.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def put_together(files, path):
    """Make one multi-frame image of slices, in the order given, as newer scanners write them; the files go."""
    slices = [pydicom.dcmread(file) for file in files]
    image = slices[0]
    image.PerFrameFunctionalGroupsSequence = [_groups(each, OF_FRAMES) for each in slices]
    image.SharedFunctionalGroupsSequence = [_groups(image, OF_ALL)]
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.NumberOfFrames, image.PixelData = len(slices), b"".join(each.PixelData for each in slices)
    image.save_as(path)
    for file in files:
        file.unlink()


def _groups(image, names):
    """The functional groups of an image, which are taken from its header."""
    groups = Dataset()
    for sequence, (name, usual) in names.items():
        if usual in image:
            item = Dataset()
            setattr(item, name, image[usual].value)
            setattr(groups, sequence, [item])
            delattr(image, usual)
    return groups


def change(path, **fields):
    """Change fields of a DICOM file, or remove those that are None."""
    image = pydicom.dcmread(path)
    for name, value in fields.items():
        if value is None:
            delattr(image, name)
        else:
            setattr(image, name, value)
    image.save_as(path)
