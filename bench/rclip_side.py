"""rclip's side of bench/folders.py, run by a Python that has rclip 3.3: its own scan, hashing, decoding and preprocessing over a
folder, its own database; only the network is not there (its weights cannot be had without the hub), so that it gives the same
vector for every picture at no cost. Prints the seconds of the scan; imports are not counted.

    rclip_side.py FOLDER DATABASE
"""
import sys
import time

import numpy

from rclip import db, main


class NoNetwork:
    VECTOR_SIZE = 512

    def compute_preprocessed_image_features(self, images, for_indexing=False):
        return numpy.zeros((len(images), self.VECTOR_SIZE), "float32")


folder, database = sys.argv[1:3]
clip = main.RClip(NoNetwork(), db.DB(database), 8, None)
began = time.perf_counter()
clip.ensure_index(folder)
print(time.perf_counter() - began)
clip.close()
