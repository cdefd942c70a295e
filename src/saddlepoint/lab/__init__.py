"""The experiments of a GAN lecture, reproduced with the verbs alone, as a user could."""
